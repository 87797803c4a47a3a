#include "storage/manifest.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <random>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/status_macros.h"

namespace omendb::storage {
namespace {

constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::string_view kCurrent = "CURRENT";
constexpr std::string_view kCurrentTemporary = "CURRENT.tmp";

std::string manifest_name(uint64_t generation) {
  char digits[24] = {};
  std::snprintf(digits, sizeof(digits), "%010llu", static_cast<unsigned long long>(generation));
  return std::string(kManifestPrefix) + digits;
}

std::optional<uint64_t> manifest_generation(std::string_view name) {
  if (!name.starts_with(kManifestPrefix)) return std::nullopt;
  name.remove_prefix(kManifestPrefix.size());
  uint64_t generation = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), generation);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return generation;
}

// "MANIFEST-0000000012 crc32c=1a2b3c4d\n": for people to read, and every flipped bit shows.
std::string current_text(const std::string& manifest) {
  char crc[32] = {};
  std::snprintf(crc, sizeof(crc), " crc32c=%08x\n", crc32c::of(as_bytes(manifest)));
  return manifest + crc;
}

// Names that a folder may contain if its creation never finished, or that systems add to folders.
bool is_ours_or_noise(std::string_view name) {
  static constexpr std::string_view kNames[] = {"LOCK",       kCurrentTemporary, "wal",
                                                "segments",   ".DS_Store",       "Thumbs.db",
                                                "lost+found", "desktop.ini"};
  return manifest_generation(name).has_value() ||
         std::ranges::find(kNames, name) != std::end(kNames);
}

}  // namespace

std::array<uint8_t, 16> random_uuid() {
  std::random_device random;
  std::array<uint8_t, 16> uuid{};
  for (uint8_t& byte : uuid) byte = static_cast<uint8_t>(random());
  return uuid;
}

std::string ManifestStore::current_path() const {
  return join(directory_, kCurrent);
}

Result<std::optional<Manifest>> ManifestStore::load() {
  OMEN_ASSIGN_OR_RETURN(const bool there, env_->exists(directory_));
  if (!there) return std::optional<Manifest>();
  OMEN_ASSIGN_OR_RETURN(const bool is_folder, env_->is_directory(directory_));
  if (!is_folder) {
    return Status(StatusCode::kNotADatabase,
                  "\"" + directory_ + "\" is a file; expected a database folder");
  }
  const std::string current = current_path();
  OMEN_ASSIGN_OR_RETURN(const bool published, env_->exists(current));
  if (!published) return load_without_current();

  OMEN_ASSIGN_OR_RETURN(const auto raw, env_->read_file(current));
  const std::string text(reinterpret_cast<const char*>(raw.data()), raw.size());
  const std::string name = text.substr(0, text.find(' '));
  if (!manifest_generation(name) || text != current_text(name)) {
    return Status(StatusCode::kCorruption,
                  "\"" + current + "\": offset 0: does not name a manifest, or its checksum fails");
  }
  const std::string path = join(directory_, name);
  auto bytes = env_->read_file(path);
  if (bytes.status().code() == StatusCode::kNotFound) {
    return Status(StatusCode::kCorruption,
                  "\"" + current + "\" names \"" + path + "\", which is missing");
  }
  if (!bytes.ok()) return bytes.status();
  OMEN_ASSIGN_OR_RETURN(auto manifest, decode_manifest(*bytes, path));
  if (manifest.generation != *manifest_generation(name)) {
    return Status(StatusCode::kCorruption,
                  "\"" + path + "\": holds generation " + std::to_string(manifest.generation));
  }
  return std::optional<Manifest>(std::move(manifest));
}

// A folder without CURRENT is empty, belongs to another program, was never completely created, or
// is a database that lost its CURRENT. The first publication comes before any log or segment. So a
// log, a segment or a second generation shows that a database lost its CURRENT.
Result<std::optional<Manifest>> ManifestStore::load_without_current() {
  OMEN_ASSIGN_OR_RETURN(auto names, env_->list(directory_));
  std::ranges::sort(names);
  std::string evidence;
  for (const std::string& name : names) {
    if (name == kCurrent) return load();  // its holder created it just now
    if (!is_ours_or_noise(name)) {
      return Status(StatusCode::kNotADatabase,
                    "\"" + directory_ + "\" is not a database: it holds \"" + name +
                        "\" and no CURRENT; expected a database folder or an empty one");
    }
    if (manifest_generation(name).value_or(0) > 1) evidence = name;
    if (name != "wal" && name != "segments") continue;
    const std::string path = join(directory_, name);
    OMEN_ASSIGN_OR_RETURN(const bool is_folder, env_->is_directory(path));
    if (!is_folder) {
      return Status(StatusCode::kNotADatabase,
                    "\"" + directory_ + "\" is not a database: \"" + name + "\" is a file");
    }
    OMEN_ASSIGN_OR_RETURN(const auto inside, env_->list(path));
    if (!inside.empty()) evidence = join(name, inside.front());
  }
  if (!evidence.empty()) {
    return Status(
        StatusCode::kCorruption,
        "\"" + join(directory_, kCurrent) + "\" is missing, though \"" + evidence + "\" is there");
  }
  return std::optional<Manifest>();
}

Result<std::optional<Manifest>> ManifestStore::newest_sound() {
  OMEN_ASSIGN_OR_RETURN(const auto names, env_->list(directory_));
  std::optional<Manifest> newest;
  for (const std::string& name : names) {
    const auto generation = manifest_generation(name);
    if (!generation || (newest && newest->generation > *generation)) continue;
    const std::string path = join(directory_, name);
    const auto bytes = env_->read_file(path);
    if (!bytes.ok()) continue;
    auto manifest = decode_manifest(*bytes, path);
    if (manifest.ok() && manifest->generation == *generation) newest = *std::move(manifest);
  }
  return newest;
}

Status ManifestStore::publish(Manifest& manifest) {
  ++manifest.generation;
  const std::string name = manifest_name(manifest.generation);
  if (Status prepared = prepare(name, manifest); !prepared.ok()) {
    env_->remove_file(join(directory_, name)).ignore();  // or each attempt would leave one
    return prepared;
  }
  Status renamed = env_->rename(join(directory_, kCurrentTemporary), join(directory_, kCurrent));
  if (renamed.ok()) renamed = env_->sync_directory(directory_);
  if (!renamed.ok()) {
    ++doubts_;
    return renamed;
  }
  remove_other_manifests(name);
  return {};
}

/// Writes the manifest, and the file that is to become CURRENT.
Status ManifestStore::prepare(const std::string& name, const Manifest& manifest) {
  OMEN_RETURN_IF_ERROR(write_synced(join(directory_, name), encode_manifest(manifest)));
  OMEN_RETURN_IF_ERROR(
      write_synced(join(directory_, kCurrentTemporary), as_bytes(current_text(name))));
  // The manifest's own entry must not come after the rename that points to it.
  return env_->sync_directory(directory_);
}

Status ManifestStore::write_synced(const std::string& path, std::span<const std::byte> bytes) {
  OMEN_ASSIGN_OR_RETURN(const auto file, env_->create_file(path));
  OMEN_RETURN_IF_ERROR(file->append(bytes));
  OMEN_RETURN_IF_ERROR(file->sync());
  return file->close();
}

// Leftovers cost space and nothing else; the next publication tries again.
void ManifestStore::remove_other_manifests(const std::string& keep) {
  const auto names = env_->list(directory_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (name == keep || !manifest_generation(name)) continue;
    env_->remove_file(join(directory_, name)).ignore();
  }
}

}  // namespace omendb::storage
