// What happens to a batch between stage and publish.
#pragma once

#include <cstdint>
#include <span>

#include "collection/host.h"
#include "collection/write/operation.h"

namespace omendb::collection {

/// Whether the caller of a fill may spend its time on the log's flush.
enum class Flush : uint8_t { kMayWait, kByOthers };

/// Copies and encodes a batch into the rows reserved for it. If it is large, threads of the host's
/// pool take part, and the log's flush is under way meanwhile, by this thread unless another is at
/// it; what became of the flush, Host::wait_durable() says.
/// @return  whether all of it was encoded; Memtable::publish() wants to know.
bool fill_while_flushing(Host& host, Lsn lsn, segment::Memtable& memtable, uint32_t first,
                         std::span<const PutField> fields, Flush flush = Flush::kMayWait);

}  // namespace omendb::collection
