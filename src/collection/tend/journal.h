// What a reader took from the log since the manifest that it knows.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <variant>

#include "base/ids.h"
#include "segment/memtable.h"

namespace omendb::collection {

/// Lets CollectionCore::adopt() tell which rows in memory a new manifest's segments hold, and which
/// rows of those segments have died since. In the order of the log.
struct Journal {
  /// The rows below `end`, and not those of earlier fills, came with this operation.
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
