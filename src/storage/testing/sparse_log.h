// A log for tests whose positions have gaps, as those of a log that several writers share: the
// first three records get positions 1, 5 and 900.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "storage/log/log.h"

namespace omendb::storage {

/// The position of record `n` of a log that counts its records from 1. Rises with n.
inline Lsn sparse_position(uint64_t n) {
  constexpr uint64_t kFirst[] = {0, 1, 5, 900};
  if (n < 4) return Lsn{kFirst[n]};
  return Lsn{n * 1'000 - n * 7'919 % 500};
}

/// The last record at or before position `lsn`; 0 if there is none.
inline Lsn record_at(Lsn lsn) {
  uint64_t low = 0;
  uint64_t high = to_int(lsn) / 500 + 4;  // records are at least 500 apart from the fourth on
  while (low < high) {
    const uint64_t middle = low + (high - low + 1) / 2;
    if (sparse_position(middle) <= lsn) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return Lsn{low};
}

inline LogMark dense_mark(LogMark mark) {
  mark.trimmed = record_at(mark.trimmed);
  mark.durable = record_at(mark.durable);
  return mark;
}

inline LogVisitor sparse_visitor(const LogVisitor& visit) {
  return [&visit](LogRecord record) {
    record.position = sparse_position(to_int(record.position));
    return visit(record);
  };
}

class SparseLog final : public Log {
 public:
  SparseLog(std::unique_ptr<Log> log, Lsn trimmed) : log_(std::move(log)), trimmed_(trimmed) {}

  Result<Lsn> append(ShardId shard, std::span<const std::span<const std::byte>> parts) override {
    const auto lsn = log_->append(shard, parts);
    return lsn.ok() ? Result<Lsn>(sparse_position(to_int(*lsn))) : lsn;
  }
  Status wait_durable(Lsn lsn) override { return log_->wait_durable(record_at(lsn)); }
  Status sync(Lsn lsn) override { return log_->sync(record_at(lsn)); }
  void start_flush() override { log_->start_flush(); }
  bool flushing() const override { return log_->flushing(); }
  Epoch epoch() const override { return log_->epoch(); }
  Lsn last_appended() const override {
    return std::max(trimmed_, sparse_position(to_int(log_->last_appended())));
  }
  Status trim(Lsn lsn) override { return log_->trim(record_at(lsn)); }
  uint64_t bytes() const override { return log_->bytes(); }
  LogMark mark() const override { return log_->mark(); }

 private:
  const std::unique_ptr<Log> log_;
  const Lsn trimmed_;
};

class SparseLogReader final : public LogReader {
 public:
  SparseLogReader(std::unique_ptr<LogReader> reader, Lsn from)
      : reader_(std::move(reader)), from_(from) {}

  Result<bool> has_news() const override { return reader_->has_news(); }
  Result<Outcome> read(const LogVisitor& visit) override {
    return reader_->read(sparse_visitor(visit));
  }
  Status check_end(const LogMark& mark) override { return reader_->check_end(dense_mark(mark)); }
  Lsn position() const override {
    return std::max(from_, sparse_position(to_int(reader_->position())));
  }
  uint64_t parts_opened() const override { return reader_->parts_opened(); }

 private:
  const std::unique_ptr<LogReader> reader_;
  const Lsn from_;
};

/// Keeps its records in another store. Thread-safe.
class SparseLogStore final : public LogStore {
 public:
  explicit SparseLogStore(std::unique_ptr<LogStore> store) : store_(std::move(store)) {}

  Result<std::unique_ptr<Log>> open(const LogOptions& options, const LogMark& mark,
                                    const LogVisitor& replay, LogRecovery* recovery) override {
    auto log = store_->open(options, dense_mark(mark), sparse_visitor(replay), recovery);
    if (!log.ok()) return log.status();
    if (recovery != nullptr) {
      recovery->last = std::max(mark.trimmed, sparse_position(to_int(recovery->last)));
    }
    return std::unique_ptr<Log>(std::make_unique<SparseLog>(*std::move(log), mark.trimmed));
  }
  std::unique_ptr<LogReader> read(Lsn from) override {
    return std::make_unique<SparseLogReader>(store_->read(record_at(from)), from);
  }
  std::string describe() const override { return store_->describe(); }

 private:
  const std::unique_ptr<LogStore> store_;
};

}  // namespace omendb::storage
