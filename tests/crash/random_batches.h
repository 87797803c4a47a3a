// Batches that depend on their number alone, for tests that kill the process which writes them.
#pragma once

#include <cstdint>
#include <vector>

#include "oracle.h"

namespace omendb::crash {

inline constexpr size_t kBatchDim = 256;  // 64 rows fill the smallest memtable

/// Writer w owns the ids [w * 1000, w * 1000 + kIdsOfWriter). Its batches are numbered from 1 and
/// depend on the number alone, so that another process knows what each did.
struct Operation {
  std::vector<uint64_t> ids;
  enum Kind : uint8_t { kUpsert, kUpdate, kDelete, kDeleteBatch } kind = kUpsert;
  uint32_t doomed = 0;  ///< kDeleteBatch: the batch whose points go
};

Operation operation(uint32_t writer, uint32_t batch);
void apply(const Operation& op, uint32_t batch, State& state);
Status issue(Collection& collection, const Operation& op, uint32_t batch);

}  // namespace omendb::crash
