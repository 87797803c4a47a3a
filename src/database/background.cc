#include "database/background.h"

#include <utility>

#include "collection/collection_core.h"

namespace omendb::internal {

using collection::CollectionCore;
using collection::MergeLane;

namespace {

collection::Lane::Work merging(MergeLane lane,
                               const std::function<std::vector<collection::Lane::Core>()>& all) {
  return {.step = [lane](CollectionCore& core) { return core.merge_next(lane); }, .all = all};
}

}  // namespace

Background::Background(const std::function<std::vector<collection::Lane::Core>()>& all,
                       std::function<void()> look)
    : seals_({.step = [](CollectionCore& core) { return core.seal_next(); },
              .all = all,
              .before = std::move(look)}),
      merges_(merging(MergeLane::kShort, all)),
      long_merges_(merging(MergeLane::kLong, all)),
      indexes_({.step = [](CollectionCore& core) { return core.index_next(); }, .all = all}) {}

void Background::start() {
  for (collection::Lane* lane : {&seals_, &merges_, &long_merges_, &indexes_}) {
    lane->add_all();
    lane->start();
  }
}

void Background::stop() {
  for (collection::Lane* lane : {&seals_, &merges_, &long_merges_, &indexes_}) lane->stop();
}

void Background::wake(collection::Work work, const collection::Lane::Core& core) {
  if (work == collection::Work::kSeal) return seals_.add(core);
  if (work == collection::Work::kIndex) return indexes_.add(core);
  merges_.add(core);
  long_merges_.add(core);
}

}  // namespace omendb::internal
