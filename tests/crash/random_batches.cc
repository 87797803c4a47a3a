#include "random_batches.h"

#include <random>
#include <span>

namespace omendb::crash {

namespace {

constexpr uint64_t kIdsOfWriter = 300;

}  // namespace

Operation operation(uint32_t writer, uint32_t batch) {
  std::mt19937_64 random(batch * 2 + writer);
  Operation result;
  const auto dice = random() % 8;
  if (dice == 7 && batch > 4) {
    result.kind = Operation::kDeleteBatch;
    result.doomed = batch - 1 - static_cast<uint32_t>(random() % 3);
    return result;
  }
  result.kind = dice >= 5   ? Operation::kDelete
                : dice == 4 ? Operation::kUpdate
                            : Operation::kUpsert;
  const uint64_t first = random() % (kIdsOfWriter - 40);
  const uint64_t count = 1 + random() % 30;
  for (uint64_t i = 0; i < count; ++i) result.ids.push_back(writer * 1'000 + first + i);
  return result;
}

void apply(const Operation& op, uint32_t batch, State& state) {
  if (op.kind == Operation::kDeleteBatch) {
    std::erase_if(state, [&](const auto& point) { return point.second == op.doomed; });
    return;
  }
  for (const uint64_t id : op.ids) {
    if (op.kind == Operation::kUpdate) {
      if (const auto point = state.find(id); point != state.end()) point->second = batch;
    } else if (op.kind == Operation::kUpsert) {
      state[id] = batch;
    } else {
      state.erase(id);
    }
  }
}

Status issue(Collection& collection, const Operation& op, uint32_t batch) {
  switch (op.kind) {
    case Operation::kUpsert: return write_batch(collection, op.ids, batch, kBatchDim, Put::kUpsert);
    case Operation::kUpdate: return write_batch(collection, op.ids, batch, kBatchDim, Put::kUpdate);
    case Operation::kDelete:
      return collection.delete_ids(std::span<const uint64_t>(op.ids)).status();
    case Operation::kDeleteBatch:
      return collection
          .delete_where(Filter::compare("batch", Filter::Compare::kEq, int64_t{op.doomed}))
          .status();
  }
  return {};
}

}  // namespace omendb::crash
