#include "index/coded_scan.h"

#include <algorithm>

namespace omendb::index {
namespace {

using codec::rabitq::BlockScan;
using codec::rabitq::kBlockRows;

// A run is what one call of the kernel covers: its codes should fit half of a 32 KiB first-level
// cache, and its estimates a quarter.
constexpr size_t kRunBytes = size_t{16} << 10;
constexpr size_t kMaxRunBlocks = 64;

/// The lanes of block b that hold rows which may be candidates.
uint32_t allowed_lanes(const CodedRows& rows, size_t b) {
  const size_t left = rows.count - b * kBlockRows;
  const uint32_t held = left >= kBlockRows ? ~0U : (1U << left) - 1;
  if (rows.mask == nullptr) return held;
  return held & static_cast<uint32_t>(rows.mask[b / 2] >> (b % 2 * kBlockRows));
}

/// The end of the run that begins at b: up to `longest` blocks that all have an allowed lane.
size_t run_end(const CodedRows& rows, size_t b, size_t end, size_t longest) {
  const size_t last = std::min(end, b + longest);
  if (rows.mask == nullptr) return last;
  while (b < last && allowed_lanes(rows, b) != 0) ++b;
  return b;
}

struct RunBuffers {
  alignas(64) float estimates[kMaxRunBlocks * kBlockRows];
  uint32_t hits[kMaxRunBlocks];
};

void scan_run(BlockScan scan, const QueryScan& one, const CodedRows& rows, size_t begin, size_t end,
              size_t block_bytes, RunBuffers& buffers) {
  scan(*one.query, rows.blocks + begin * block_bytes, end - begin, one.queue->threshold(),
       buffers.estimates, buffers.hits);
  for (size_t b = begin; b < end; ++b) {
    const uint32_t hits = buffers.hits[b - begin];
    if (hits == 0) [[likely]]
      continue;
    const uint32_t lanes = hits & allowed_lanes(rows, b);
    if (lanes == 0) continue;
    one.queue->offer(lanes, buffers.estimates + (b - begin) * kBlockRows, rows.source,
                     rows.first_slot + static_cast<uint32_t>(b * kBlockRows));
  }
}

}  // namespace

void coded_scan(std::span<const QueryScan> queries, const CodedRows& rows) {
  if (queries.empty() || rows.count == 0) return;
  const BlockScan scan = codec::rabitq::block_scan();
  const size_t block_bytes = codec::rabitq::block_bytes(queries.front().query->padded_dim);
  const size_t longest = std::clamp<size_t>(kRunBytes / block_bytes, 1, kMaxRunBlocks);
  const size_t n_blocks = (rows.count + kBlockRows - 1) / kBlockRows;
  RunBuffers buffers;
  for (size_t b = 0; b < n_blocks;) {
    const size_t end = run_end(rows, b, n_blocks, longest);
    if (end == b) {
      ++b;
      continue;
    }
    for (const QueryScan& one : queries) {
      scan_run(scan, one, rows, b, end, block_bytes, buffers);
    }
    b = end;
  }
}

void coded_scan(const codec::rabitq::PreparedQuery& query, const CodedRows& rows,
                CandidateQueue& queue) {
  const QueryScan one{&query, &queue};
  coded_scan(std::span(&one, 1), rows);
}

}  // namespace omendb::index
