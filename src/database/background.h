// The threads that tend a database's collections.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collection/host.h"
#include "collection/tend/lane.h"

namespace omendb::internal {

/// Four lanes of one thread each: seals, merges, merges that take long, and index builds. So a seal
/// never waits for a merge or an index build, and a short merge never waits for a long one.
/// Thread-safe.
class Background {
 public:
  /// @param all   lists the collections of the database.
  /// @param look  runs in the lane of seals: at each wake(), and before each step.
  Background(const std::function<std::vector<collection::Lane::Core>()>& all,
             std::function<void()> look);

  /// Starts the threads and looks at every collection. Collections may be woken before.
  void start();
  /// Waits until the threads have ended their step.
  void stop();

  void wake(collection::Work work, const collection::Lane::Core& core);
  void look() { seals_.wake(); }

 private:
  collection::Lane seals_;
  collection::Lane merges_;
  collection::Lane long_merges_;
  collection::Lane indexes_;
};

}  // namespace omendb::internal
