#include "segment/growing_vectors.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "segment/center.h"

namespace omendb::segment {

namespace {
constexpr uint32_t kBlock = GrowingVectors::kBlockRows;
// Memory made ready ahead: for small batches some of them at once, for large ones not all of one.
constexpr size_t kLeastAhead = size_t{64} << 10;
constexpr size_t kMostAhead = size_t{1} << 20;
}  // namespace

GrowingVectors::GrowingVectors(const VectorSpec& spec, uint32_t capacity,
                               std::shared_ptr<const codec::rabitq::Encoder> encoder)
    : spec_(spec),
      capacity_(capacity),
      vectors_(make_large_array<std::byte>(size_t{capacity} * spec.row_bytes())),
      presence_(capacity),
      byte_codes_(spec, capacity) {
  if (encoder != nullptr) {
    encoder_owner_ = std::move(encoder);
    adopt_encoder(0);
  }
}

bool GrowingVectors::fill(uint32_t first, const VectorsView& vectors) {
  const size_t row_bytes = spec_.row_bytes();
  std::byte* place = vectors_.get() + first * row_bytes;
  if (!presence_.complete()) {
    for (size_t i = 0; i < vectors.count; ++i) {
      const bool has = presence_.has(first + static_cast<uint32_t>(i));
      if (has) std::memcpy(place + i * row_bytes, vectors.row(i), row_bytes);
      if (!has) std::memset(place + i * row_bytes, 0, row_bytes);
    }
  } else if (vectors.row_stride() == row_bytes) {
    std::memcpy(place, vectors.data, vectors.count * row_bytes);
  } else {
    for (size_t i = 0; i < vectors.count; ++i) {
      std::memcpy(place + i * row_bytes, vectors.row(i), row_bytes);
    }
  }
  return encode_filled(first, first + static_cast<uint32_t>(vectors.count));
}

bool GrowingVectors::fill_none(uint32_t first, uint32_t rows) {
  const size_t row_bytes = spec_.row_bytes();
  std::memset(vectors_.get() + first * row_bytes, 0, rows * row_bytes);
  return encode_filled(first, first + rows);
}

bool GrowingVectors::encode_filled(uint32_t first, uint32_t end) {
  if (!spec_.coded()) return true;
  const codec::rabitq::Encoder* encoder = encoder_.load(std::memory_order_acquire);
  if (encoder == nullptr) return false;
  encode_blocks(*encoder, first, end);
  return true;
}

void GrowingVectors::populate_ahead(uint32_t rows, uint32_t batch) {
  const size_t row_bytes = spec_.row_bytes();
  const size_t used = rows * row_bytes;
  const size_t wanted = std::min(batch * row_bytes, kMostAhead);
  size_t done = populated_.load(std::memory_order_relaxed);
  if (used + wanted <= done) return;
  const size_t begin = std::max(used, done);
  const size_t end = std::min(used + std::max(wanted, kLeastAhead), capacity_ * row_bytes);
  if (begin >= end || !populated_.compare_exchange_strong(done, end, std::memory_order_relaxed)) {
    return;
  }
  populate(vectors_.get() + begin, end - begin);
}

void GrowingVectors::publish(uint32_t first, uint32_t rows, bool encoded) {
  if (!spec_.coded()) return;
  const uint32_t end = first + rows;
  present_rows_ += presence_.count(first, end);
  if (encoder_owner_ == nullptr) {
    if (present_rows_ >= kRowsBeforeCoding) adopt_encoder(end);
    return;
  }
  // The block that an earlier batch began: complete now, or left to a later batch.
  const uint32_t block_start = first / kBlock * kBlock;
  if (block_start != first && block_start + kBlock <= end) {
    encode_blocks(*encoder_owner_, block_start, block_start + kBlock);
  }
  if (!encoded) encode_blocks(*encoder_owner_, first, end);
}

void GrowingVectors::adopt_encoder(uint32_t rows) {
  codes_ = make_large_array<std::byte>(codec::rabitq::coded_bytes(spec_.dim, capacity_));
  if (encoder_owner_ == nullptr) {
    encoder_owner_ = make_encoder(spec_, vectors_.get(), present(rows));
  }
  encode_blocks(*encoder_owner_, 0, rows);
  encoder_.store(encoder_owner_.get(), std::memory_order_release);
}

void GrowingVectors::encode_blocks(const codec::rabitq::Encoder& encoder, uint32_t first,
                                   uint32_t end) {
  const size_t row_bytes = spec_.row_bytes();
  for (uint32_t b = (first + kBlock - 1) / kBlock; (b + 1) * kBlock <= end; ++b) {
    std::byte* code = codes_.get() + b * encoder.block_bytes();
    encoder.encode_block(vectors_.get() + size_t{b} * kBlock * row_bytes, row_bytes, kBlock, code);
    if (presence_.complete()) continue;
    for (uint32_t lane = 0; lane < kBlock; ++lane) {
      if (!presence_.has(b * kBlock + lane)) encoder.clear_lane(code, lane);
    }
  }
}

/// Of the first `rows` rows those that have a vector.
std::vector<uint32_t> GrowingVectors::present(uint32_t rows) const {
  std::vector<uint32_t> slots;
  slots.reserve(rows);
  for (uint32_t row = 0; row < rows; ++row) {
    if (presence_.has(row)) slots.push_back(row);
  }
  return slots;
}

uint32_t GrowingVectors::coded_rows(uint32_t rows) const {
  return encoder_owner_ == nullptr ? 0 : rows / kBlock * kBlock;
}

}  // namespace omendb::segment
