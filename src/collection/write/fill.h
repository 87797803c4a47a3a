// The second step of a write: the vectors of a batch are copied and encoded.
#pragma once

#include <cstdint>
#include <span>

#include "collection/host.h"
#include "collection/write/operation.h"

namespace omendb::collection {

/// Whether the thread that fills may also flush the log and wait for it.
enum class Flush : uint8_t { kMayWait, kByOthers };

/// Copies and encodes a batch into the rows that were reserved for it. For a large batch, threads
/// of the host's pool help, and the log is flushed at the same time: by this thread, or by another
/// if a flush is running. Call Host::wait_durable() afterwards for the result of the flush.
/// @param fields  of the collection, in their order.
/// @return  whether all of the batch was encoded: an argument of Memtable::publish().
bool fill_while_flushing(Host& host, Lsn lsn, segment::Memtable& memtable, uint32_t first,
                         uint32_t rows, std::span<const PutField> fields,
                         Flush flush = Flush::kMayWait);

/// The same on this thread, without the flush: of `count` rows of the batch, from row `begin` on.
bool fill_rows(segment::Memtable& memtable, uint32_t first, std::span<const PutField> fields,
               uint32_t begin, uint32_t count);

}  // namespace omendb::collection
