#include "database/untouched.h"

#include "base/status_macros.h"

namespace omendb::internal {

Result<Untouched> Untouched::find(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Status(StatusCode::kInvalidArgument, "the path is empty or holds a zero byte");
  }
  auto env = std::make_shared<storage::OverlayEnv>(storage::Env::posix());
  OMEN_ASSIGN_OR_RETURN(path, env->absolute(path));
  storage::ManifestStore store(env, path);
  const auto manifest = store.load();
  const bool damaged = manifest.status().code() == StatusCode::kCorruption;
  if (!manifest.ok() && !damaged) return manifest.status();
  if (manifest.ok() && !*manifest) {
    return Status(StatusCode::kNotFound, "there is no database at \"" + path + "\"");
  }
  OMEN_ASSIGN_OR_RETURN(auto lock, env->lock_shared(storage::join(path, kLockFile)));
  return Untouched(std::move(path), std::move(env), std::move(lock));
}

Result<storage::Manifest> Untouched::manifest() const {
  storage::ManifestStore store(env_, path_);
  OMEN_ASSIGN_OR_RETURN(auto manifest, store.load());
  if (manifest) return *std::move(manifest);
  return Status(StatusCode::kCorruption, "\"" + path_ + "\": the manifest is gone");
}

Result<std::shared_ptr<DatabaseImpl>> Untouched::open() const {
  return DatabaseImpl::open(path_, {.create_if_missing = false}, env_, Tending::kNone);
}

}  // namespace omendb::internal
