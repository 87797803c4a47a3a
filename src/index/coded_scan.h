// Estimates the distance of every row from its 1-bit code, and keeps the best as candidates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/rabitq.h"
#include "index/candidate_queue.h"

namespace omendb::index {

/// Codes of consecutive rows, as rabitq::Encoder packs them. Borrowed.
struct CodedRows {
  const std::byte* blocks = nullptr;  ///< coded_bytes(dim, count), all of one Encoder
  size_t count = 0;                   ///< rows; lanes of the last block past it are passed over
  uint32_t source = 0;                ///< goes into the candidates
  uint32_t first_slot = 0;            ///< the slot of row 0
  /// Bit r % 64 of word r / 64 says whether row r may be a candidate; null: all may.
  const uint64_t* mask = nullptr;
};

/// Offers all (unmasked) rows to the queue. It changes nothing but the queue, so any number of
/// threads may scan the same rows, each with its own queue. It does not read blocks whose rows are
/// all masked out.
void coded_scan(const codec::rabitq::PreparedQuery& query, const CodedRows& rows,
                CandidateQueue& queue);

struct QueryScan {
  const codec::rabitq::PreparedQuery* query;
  CandidateQueue* queue;
};

/// The same for several queries of one Encoder: each run of blocks is read from memory once and
/// stays in the first-level cache while every query passes over it.
void coded_scan(std::span<const QueryScan> queries, const CodedRows& rows);

}  // namespace omendb::index
