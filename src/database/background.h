// The threads that tend a database's collections.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collection/host.h"
#include "collection/tend/lane.h"

namespace omendb::internal {

/// Three lanes, each a thread: seals, merges, and merges that take long. So a seal never waits for
/// a merge, nor a short merge for a long one. Thread-safe.
class Background {
 public:
  /// @param all   the collections there are.
  /// @param look  runs in the lane of seals, at its wakes and before its steps.
  Background(const std::function<std::vector<collection::Lane::Core>()>& all,
             std::function<void()> look);

  /// Starts the threads and looks at every collection. Collections may be woken before.
  void start();
  /// Returns when what the threads are at has ended.
  void stop();

  void wake(collection::Work work, const collection::Lane::Core& core);
  void look() { seals_.wake(); }

 private:
  collection::Lane seals_;
  collection::Lane merges_;
  collection::Lane long_merges_;
};

}  // namespace omendb::internal
