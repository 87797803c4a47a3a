// Names in a file system that lives in memory. MemEnv and FaultEnv share this.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace omendb::storage::internal {

/// Renames the folder `from`, and everything in it, to `to`.
template <class Node>
void move_names(std::map<std::string, Node>& files, std::set<std::string>& directories,
                const std::string& from, const std::string& to) {
  const std::string inside = from + "/";
  std::vector<std::pair<std::string, Node>> moved_files;
  std::erase_if(files, [&](const auto& file) {
    if (!file.first.starts_with(inside)) return false;
    moved_files.emplace_back(to + file.first.substr(from.size()), file.second);
    return true;
  });
  std::vector<std::string> moved_directories;
  std::erase_if(directories, [&](const std::string& path) {
    if (path != from && !path.starts_with(inside)) return false;
    moved_directories.push_back(to + path.substr(from.size()));
    return true;
  });
  files.insert(moved_files.begin(), moved_files.end());
  directories.insert(moved_directories.begin(), moved_directories.end());
}

}  // namespace omendb::storage::internal
