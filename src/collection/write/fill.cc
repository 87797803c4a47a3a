#include "collection/write/fill.h"

#include <algorithm>
#include <atomic>

namespace omendb::collection {

namespace {

/// Filling this much takes a few times as long as waking a thread.
constexpr size_t kChunkBytes = size_t{256} << 10;

}  // namespace

bool fill_rows(segment::Memtable& memtable, uint32_t first, std::span<const PutField> fields,
               uint32_t begin, uint32_t count) {
  bool encoded = true;
  for (size_t f = 0; f < fields.size(); ++f) {
    if (!fields[f].any()) {
      encoded &= memtable.fill_none(first + begin, count, f);
      continue;
    }
    VectorsView part = fields[f].vectors;
    part.data = part.row(begin);
    part.count = count;
    encoded &= memtable.fill(first + begin, f, part);
  }
  return encoded;
}

bool fill_while_flushing(Host& host, Lsn lsn, segment::Memtable& memtable, uint32_t first,
                         uint32_t rows, std::span<const PutField> fields, Flush flush) {
  constexpr uint32_t kBlock = segment::Memtable::kBlockRows;
  size_t row_bytes = 0;
  for (const PutField& field : fields) row_bytes += field.vectors.row_stride();
  const size_t chunk_rows = std::max<size_t>(kChunkBytes / row_bytes / kBlock, 1) * kBlock;
  if (rows < chunk_rows) {
    const bool encoded = fill_rows(memtable, first, fields, 0, rows);
    memtable.populate_ahead(first + rows, rows);
    return encoded;
  }

  // Chunks end at the ends of blocks, so that one thread encodes each block.
  const uint32_t start = first / kBlock * kBlock;
  const size_t chunks = (first + rows - start + chunk_rows - 1) / chunk_rows;
  std::atomic<bool> encoded{true};
  const auto fill = [&](size_t chunk) {
    const size_t begin = std::max<size_t>(start + chunk * chunk_rows, first);
    const size_t end = std::min<size_t>(start + (chunk + 1) * chunk_rows, first + rows);
    if (!fill_rows(memtable, first, fields, static_cast<uint32_t>(begin - first),
                   static_cast<uint32_t>(end - begin))) {
      encoded = false;
    }
  };
  // A lone writer flushes the log on its own thread while the pool fills: this saves two thread
  // switches.
  const bool lone = flush == Flush::kMayWait && host.pool().threads() > 0 && !host.flushing();
  if (!lone) host.start_flush();
  const size_t flushes = lone ? 1 : 0;
  host.pool().parallel_for(flushes + chunks + 1, [&](size_t i) {
    if (i < flushes) {
      host.wait_durable(lsn).ignore();
    } else if (i < flushes + chunks) {
      fill(i - flushes);
    } else {
      memtable.populate_ahead(first + rows, rows);
    }
  });
  return encoded;
}

}  // namespace omendb::collection
