// A fixed run of every kind of operation over a database, and what must hold after it was cut
// short.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "oracle.h"
#include "storage/env.h"

namespace omendb::crash {

inline constexpr size_t kDim = 256;  // 1 KiB a row: 64 rows fill the smallest memtable

struct WorkloadOptions {
  Durability durability = Durability::kSync;
  bool carry_on = false;  ///< after an operation failed, try the next ones
};

/// Opens "db" in the environment, adds with generated ids and with own, upserts, deletes by id and
/// by filter, seals, merges, creates and drops collections, closes, reopens. Ends early when an
/// operation fails.
/// @return empty, or what an operation that returned OK did wrong.
std::string run_workload(const std::shared_ptr<storage::Env>& env, const WorkloadOptions& options,
                         History& history);

/// Opens the database and compares it with the history; then closes it.
/// @return empty, or what is wrong. `opened` tells whether open() returned OK.
std::string verify(const std::shared_ptr<storage::Env>& env, History& history, bool& opened);

/// Writes to every collection and to a new one, acknowledged; then calls power_off(), so that the
/// database cannot seal what it leaves in the log.
std::string write_on(const std::shared_ptr<storage::Env>& env, History& history,
                     const std::function<void()>& power_off);

}  // namespace omendb::crash
