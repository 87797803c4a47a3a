// Copying a live database into a folder of its own.
#include <algorithm>

#include "base/status_macros.h"
#include "database/catalog.h"
#include "database/database_impl.h"
#include "database/new_folder.h"

namespace omendb::internal {

namespace {

using storage::join;

/// Between two of these, a long copy reports how far it is.
constexpr size_t kCopyStepBytes = size_t{8} << 20;

/// Counts what is done and asks the caller whether to go on.
class Progress {
 public:
  Progress(const SnapshotOptions& options, SnapshotProgress total)
      : options_(options), now_(total) {}
  Status report() const {
    if (options_.progress == nullptr || options_.progress(now_)) return {};
    return {StatusCode::kCancelled, "the snapshot was given up, as its progress callback asked"};
  }
  Status add_bytes(uint64_t bytes) {
    now_.bytes_done += bytes;
    return report();
  }
  Status add_file() {
    ++now_.files_done;
    return report();
  }

 private:
  const SnapshotOptions& options_;
  SnapshotProgress now_;
};

/// A file that cannot be linked. The mapping keeps its bytes even if the database removes the file.
struct FileToCopy {
  std::string name;
  std::shared_ptr<const storage::MappedFile> bytes;
};

Status copy_file(const FileToCopy& file, const std::string& folder, storage::Env& env,
                 Progress& progress) {
  OMEN_ASSIGN_OR_RETURN(const auto out, env.create_file(join(folder, file.name)));
  const auto bytes = file.bytes->bytes();
  for (size_t at = 0; at < bytes.size(); at += kCopyStepBytes) {
    const auto step = bytes.subspan(at, std::min(kCopyStepBytes, bytes.size() - at));
    OMEN_RETURN_IF_ERROR(out->append(step));
    OMEN_RETURN_IF_ERROR(progress.add_bytes(step.size()));
  }
  OMEN_RETURN_IF_ERROR(file.bytes->check());
  OMEN_RETURN_IF_ERROR(out->sync());
  return out->close();
}

std::vector<std::string> files_of(const storage::Manifest& manifest) {
  std::vector<std::string> names;
  for (const auto& collection : manifest.collections) {
    for (const auto& segment : collection.segments) {
      names.push_back(segment::SegmentStore::segment_file(segment.name));
      for (const auto& index : segment.indexes) {
        names.push_back(segment::SegmentStore::index_file(index.name));
      }
      if (segment.tombstones.empty()) continue;
      names.push_back(segment::SegmentStore::tombstone_file(segment.tombstones));
    }
  }
  return names;
}

/// Takes out the indexes whose files are lost: the copy has them built anew when it is opened.
Status strike_lost_indexes(storage::Manifest& manifest, const std::string& folder,
                           storage::Env& env) {
  for (auto& collection : manifest.collections) {
    for (auto& segment : collection.segments) {
      std::vector<storage::IndexMeta> there;
      for (auto& index : segment.indexes) {
        const std::string file = segment::SegmentStore::index_file(index.name);
        OMEN_ASSIGN_OR_RETURN(const bool exists, env.exists(join(folder, file)));
        if (exists) there.push_back(std::move(index));
      }
      segment.indexes = std::move(there);
    }
  }
  return {};
}

/// @return the manifest of a copy that has no log. The UUID is another one, so that a reader that
///         finds the copy in the database's place does not take it for a later state.
storage::Manifest without_log(storage::Manifest manifest) {
  manifest.log = {.trimmed = durable_mark(manifest), .epoch = manifest.log.epoch};
  manifest.opening_uuid = storage::random_uuid();
  return manifest;
}

}  // namespace

Status DatabaseImpl::snapshot(const std::string& path, const SnapshotOptions& options) {
  const auto target_env = path_ == kMemoryFolder ? storage::Env::posix() : env_;
  for (const auto& core : cores()) {
    const Status sealed = core->seal();
    if (sealed.code() != StatusCode::kNotFound) OMEN_RETURN_IF_ERROR(sealed);  // dropped meanwhile
  }
  OMEN_ASSIGN_OR_RETURN(NewFolder folder, NewFolder::create(target_env, path, path_));
  const std::string segments = join(folder.staging(), kSegmentsFolder);
  OMEN_RETURN_IF_ERROR(target_env->make_directory(segments));
  OMEN_RETURN_IF_ERROR(target_env->make_directory(join(folder.staging(), kLogFolder)));
  storage::Manifest manifest;
  std::vector<FileToCopy> to_copy;
  SnapshotProgress total;
  {
    // Under this lock, no file that the manifest names is removed.
    MutexLock lock(manifest_mutex_);
    manifest = manifest_;
    OMEN_RETURN_IF_ERROR(strike_lost_indexes(manifest, join(path_, kSegmentsFolder), *env_));
    for (const std::string& name : files_of(manifest)) {
      const std::string from = join(join(path_, kSegmentsFolder), name);
      OMEN_ASSIGN_OR_RETURN(const uint64_t bytes, env_->file_size(from));
      ++total.files;
      total.bytes += bytes;
      const Status linked = target_env == env_
                                ? env_->link_file(from, join(segments, name))
                                : Status(StatusCode::kUnimplemented, "another file system");
      if (linked.ok()) {
        ++total.files_done;
        total.bytes_done += bytes;
        continue;
      }
      if (linked.code() != StatusCode::kUnimplemented) return linked;
      OMEN_ASSIGN_OR_RETURN(auto mapped, env_->map_file(from));
      to_copy.push_back({name, std::move(mapped)});
    }
  }
  Progress progress(options, total);
  OMEN_RETURN_IF_ERROR(progress.report());
  for (const FileToCopy& file : to_copy) {
    OMEN_RETURN_IF_ERROR(copy_file(file, segments, folder.env(), progress));
    OMEN_RETURN_IF_ERROR(progress.add_file());
  }
  OMEN_RETURN_IF_ERROR(target_env->sync_directory(segments));
  manifest = without_log(std::move(manifest));
  OMEN_RETURN_IF_ERROR(storage::ManifestStore(target_env, folder.staging()).publish(manifest));
  return folder.publish();
}

}  // namespace omendb::internal
