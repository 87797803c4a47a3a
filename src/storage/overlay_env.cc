#include "storage/overlay_env.h"

#include <algorithm>

#include "base/status_macros.h"

namespace omendb::storage {

namespace {

Status not_found(std::string_view what, const std::string& path) {
  return {StatusCode::kNotFound,
          std::string(what) + " \"" + path + "\": No such file or directory"};
}

}  // namespace

bool OverlayEnv::is_hidden(const std::string& path) const {
  const MutexLock lock(mutex_);
  return hidden_.contains(path);
}

void OverlayEnv::hide(const std::string& path) {
  const MutexLock lock(mutex_);
  hidden_.insert(path);
}

Result<Env*> OverlayEnv::holder(std::string_view what, const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const bool in_memory, memory_->exists(path));
  if (in_memory) return memory_.get();
  if (is_hidden(path)) return not_found(what, path);
  return base_.get();
}

/// Makes the folder in memory too, before something in it is changed for the first time.
Status OverlayEnv::make_room_for(const std::string& path) {
  const std::string folder = parent_directory(path);
  OMEN_ASSIGN_OR_RETURN(const bool there, is_directory(folder));
  return there ? memory_->make_directory(folder) : not_found("open", path);
}

Status OverlayEnv::take_into_memory(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(Env* const env, holder("open", path));
  if (env == memory_.get()) return {};
  OMEN_ASSIGN_OR_RETURN(const auto bytes, base_->read_file(path));
  OMEN_RETURN_IF_ERROR(make_room_for(path));
  OMEN_ASSIGN_OR_RETURN(const auto file, memory_->create_file(path));
  return file->append(std::span<const std::byte>(bytes));
}

Result<std::unique_ptr<WritableFile>> OverlayEnv::create_file(const std::string& path) {
  OMEN_RETURN_IF_ERROR(make_room_for(path));
  return memory_->create_file(path);
}

Result<std::unique_ptr<WritableFile>> OverlayEnv::reopen_file(const std::string& path) {
  OMEN_RETURN_IF_ERROR(take_into_memory(path));
  return memory_->reopen_file(path);
}

Result<std::unique_ptr<ReadableFile>> OverlayEnv::open_file(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(Env* const env, holder("open", path));
  return env->open_file(path);
}

Result<std::vector<std::byte>> OverlayEnv::read_file(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(Env* const env, holder("open", path));
  return env->read_file(path);
}

Result<std::shared_ptr<const MappedFile>> OverlayEnv::map_file(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(Env* const env, holder("open", path));
  return env->map_file(path);
}

Result<uint64_t> OverlayEnv::file_size(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(Env* const env, holder("stat", path));
  return env->file_size(path);
}

Result<bool> OverlayEnv::exists(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const bool in_memory, memory_->exists(path));
  if (in_memory) return true;
  if (is_hidden(path)) return false;
  return base_->exists(path);
}

Result<bool> OverlayEnv::is_directory(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const bool in_memory, memory_->is_directory(path));
  return in_memory ? true : base_->is_directory(path);
}

Result<std::vector<std::string>> OverlayEnv::list(const std::string& directory) {
  OMEN_ASSIGN_OR_RETURN(const bool in_base, base_->is_directory(directory));
  OMEN_ASSIGN_OR_RETURN(const bool in_memory, memory_->is_directory(directory));
  if (!in_base && !in_memory) return not_found("list", directory);
  std::set<std::string> names;
  if (in_base) {
    OMEN_ASSIGN_OR_RETURN(const auto listed, base_->list(directory));
    for (const std::string& name : listed) {
      if (!is_hidden(join(directory, name))) names.insert(name);
    }
  }
  if (in_memory) {
    OMEN_ASSIGN_OR_RETURN(const auto listed, memory_->list(directory));
    names.insert(listed.begin(), listed.end());
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Status OverlayEnv::make_directory(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const bool there, is_directory(path));
  return there ? Status() : memory_->make_directory(path);
}

Status OverlayEnv::remove_file(const std::string& path) {
  OMEN_RETURN_IF_ERROR(holder("remove", path).status());
  OMEN_ASSIGN_OR_RETURN(const bool in_memory, memory_->exists(path));
  if (in_memory) OMEN_RETURN_IF_ERROR(memory_->remove_file(path));
  OMEN_ASSIGN_OR_RETURN(const bool in_base, base_->exists(path));
  if (!in_base && !in_memory) return not_found("remove", path);
  if (in_base) hide(path);
  return {};
}

Status OverlayEnv::remove_directory(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const bool in_base, base_->exists(path));
  if (!in_base) return memory_->remove_directory(path);
  return {StatusCode::kUnimplemented, "\"" + path + "\": a folder that is only read stays"};
}

Status OverlayEnv::rename(const std::string& from, const std::string& to) {
  OMEN_ASSIGN_OR_RETURN(const bool folder, is_directory(from));
  if (!folder) {
    OMEN_RETURN_IF_ERROR(link_file(from, to));
    return remove_file(from);
  }
  OMEN_ASSIGN_OR_RETURN(const bool in_base, base_->exists(from));
  if (!in_base) return memory_->rename(from, to);
  return {StatusCode::kUnimplemented, "\"" + from + "\": a folder that is only read stays"};
}

Status OverlayEnv::link_file(const std::string& from, const std::string& to) {
  OMEN_RETURN_IF_ERROR(take_into_memory(from));
  OMEN_RETURN_IF_ERROR(make_room_for(to));
  return memory_->link_file(from, to);
}

Status OverlayEnv::sync_directory(const std::string& path) {
  OMEN_ASSIGN_OR_RETURN(const bool there, is_directory(path));
  return there ? Status() : not_found("sync directory", path);
}

Result<std::unique_ptr<FileLock>> OverlayEnv::lock(const std::string& path,
                                                   std::string_view owner) {
  OMEN_RETURN_IF_ERROR(make_room_for(path));
  return memory_->lock(path, owner);
}

}  // namespace omendb::storage
