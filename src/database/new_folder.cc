#include "database/new_folder.h"

#include <random>
#include <utility>

#include "base/status_macros.h"

namespace omendb::internal {

namespace {

std::string random_digits() {
  std::random_device random;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (int i = 0; i < 8; ++i) digits += kDigits[random() % 16];
  return digits;
}

// Files that cannot be removed stay, in a folder whose name says that it is partial.
void remove_tree(storage::Env& env, const std::string& folder) {
  const auto names = env.list(folder);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::string path = storage::join(folder, name);
    const auto inner = env.is_directory(path);
    if (inner.ok() && *inner) {
      remove_tree(env, path);
    } else {
      env.remove_file(path).ignore();
    }
  }
  env.remove_directory(folder).ignore();
}

}  // namespace

NewFolder::NewFolder(std::shared_ptr<storage::Env> env, std::string path, std::string staging)
    : env_(std::move(env)), path_(std::move(path)), staging_(std::move(staging)) {}

NewFolder::NewFolder(NewFolder&& other) noexcept
    : env_(std::move(other.env_)),
      path_(std::move(other.path_)),
      staging_(std::move(other.staging_)),
      owned_(std::exchange(other.owned_, false)) {}

NewFolder::~NewFolder() {
  if (owned_) remove_tree(*env_, staging_);
}

Result<NewFolder> NewFolder::create(std::shared_ptr<storage::Env> env, std::string path,
                                    const std::string& database) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Status(StatusCode::kInvalidArgument,
                  "the path of the new folder is empty or holds a zero byte");
  }
  OMEN_ASSIGN_OR_RETURN(path, env->absolute(path));
  OMEN_ASSIGN_OR_RETURN(const std::string place, env->resolved(path));
  OMEN_ASSIGN_OR_RETURN(const std::string source, env->resolved(database));
  if ((place + "/").starts_with(source + "/")) {
    return Status(StatusCode::kInvalidArgument, "\"" + path + "\" lies inside the database \"" +
                                                    database +
                                                    "\"; expected a new folder outside it");
  }
  OMEN_ASSIGN_OR_RETURN(const bool exists, env->exists(path));
  if (exists) {
    return Status(StatusCode::kAlreadyExists, "\"" + path + "\" exists; expected a new folder");
  }
  NewFolder folder(std::move(env), path, path + ".partial-" + random_digits());
  OMEN_RETURN_IF_ERROR(folder.env_->make_directory(folder.staging_));
  return folder;
}

Status NewFolder::publish() {
  OMEN_RETURN_IF_ERROR(env_->rename(staging_, path_));
  owned_ = false;
  return env_->sync_directory(storage::parent_directory(path_));
}

}  // namespace omendb::internal
