// A log in a folder of files, as the database sees it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "storage/log/file_log.h"
#include "storage/log/follower.h"
#include "storage/log/log.h"

namespace omendb::storage {

class FileLogStore final : public LogStore {
 public:
  FileLogStore(std::shared_ptr<Env> env, std::string directory)
      : env_(std::move(env)), directory_(std::move(directory)) {}

  Result<std::unique_ptr<Log>> open(const LogOptions& options, const LogMark& mark,
                                    const LogVisitor& replay, LogRecovery* recovery) override {
    return FileLog::open(env_, directory_, options, mark, replay, recovery);
  }
  std::unique_ptr<LogReader> read(Lsn from) override {
    return std::make_unique<LogFollower>(env_, directory_, from);
  }
  std::string describe() const override { return "the log in \"" + directory_ + "\""; }

 private:
  const std::shared_ptr<Env> env_;
  const std::string directory_;
};

}  // namespace omendb::storage
