// The log records that a reader has applied since the manifest that it knows.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <variant>

#include "base/ids.h"
#include "segment/memtable.h"

namespace omendb::collection {

/// From the journal, CollectionCore::adopt() finds which rows in memory the segments of a new
/// manifest hold, and which rows of those segments have died since. Both lists are in the order of
/// the log.
struct Journal {
  /// This operation filled the rows from the end of the fill before it up to `end`.
  struct Fill {
    Lsn lsn{};
    std::shared_ptr<const segment::Memtable> memtable;
    uint32_t end = 0;
  };
  /// A point that this operation deleted or replaced.
  struct Death {
    Lsn lsn{};
    std::variant<uint64_t, std::string> id;
  };
  std::deque<Fill> fills;
  std::deque<Death> deaths;
};

}  // namespace omendb::collection
