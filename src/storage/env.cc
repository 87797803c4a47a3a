#include "storage/env.h"

#include <chrono>
#include <ctime>
#include <fstream>

#include <unistd.h>

namespace omendb::storage {
namespace {

std::string program_name() {
  std::string name;
  std::ifstream comm("/proc/self/comm");
  std::getline(comm, name);
  return name.empty() ? "unknown program" : name;
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "this host";
  return name;
}

}  // namespace

std::string join(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  path += name;
  return path;
}

std::string parent_directory(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

uint64_t steady_micros() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

std::string describe_this_process(uint64_t now_micros) {
  const auto seconds = static_cast<std::time_t>(now_micros / 1'000'000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char when[32] = {};
  std::strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return "pid " + std::to_string(::getpid()) + " (" + program_name() + ") on " + host_name() +
         " since " + when;
}

Result<std::unique_ptr<FileLock>> Env::lock_shared(const std::string& path) {
  return Status(StatusCode::kUnimplemented, "share the lock \"" + path + "\"");
}

Status internal::locked_error(std::string_view lock_path, std::string_view owner) {
  std::string message = "database \"" + parent_directory(lock_path) + "\" is held by ";
  message += owner.empty() ? "another process" : owner;
  return {StatusCode::kLocked, std::move(message)};
}

}  // namespace omendb::storage
