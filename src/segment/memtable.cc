#include "segment/memtable.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "segment/center.h"

namespace omendb::segment {

namespace {
constexpr uint32_t kBlock = Memtable::kBlockRows;
// Memory made ready ahead: for small batches some of them at once, for large ones not all of one.
constexpr size_t kLeastAhead = size_t{64} << 10;
constexpr size_t kMostAhead = size_t{1} << 20;
}  // namespace

/// What a snapshot sees of a memtable.
class MemtableView final : public RowSource {
 public:
  MemtableView(std::shared_ptr<const Memtable> memtable, uint32_t rows, uint32_t coded_rows)
      : memtable_(std::move(memtable)), rows_(rows), coded_rows_(coded_rows) {}

  uint32_t rows() const override { return rows_; }

  Result<RowRun> vectors(uint32_t first, uint32_t count,
                         const uint64_t* /*mask*/ = nullptr) const override {
    return RowRun{row(first), first, count};
  }

  Status locate(std::span<const uint32_t> slots, const std::byte** out) const override {
    for (uint32_t slot : slots) *out++ = row(slot);
    return {};
  }

  const codec::rabitq::Encoder* encoder() const override {
    return coded_rows_ > 0 ? memtable_->encoder_.load(std::memory_order_acquire) : nullptr;
  }
  uint32_t coded_rows() const override { return coded_rows_; }
  Result<const std::byte*> codes() const override { return memtable_->codes_.get(); }

  bool keeps_byte_codes() const override { return memtable_->byte_codes_.useful(); }
  codec::sq8::Codes byte_codes(const RowRun& vectors) const override {
    return memtable_->byte_codes_.of(vectors.rows, vectors.count);
  }

  Result<IdView> id(uint32_t slot) const override { return memtable_->ids_.at(slot); }
  bool in_id_order() const override { return false; }
  Status read_ids(uint32_t first, std::span<uint64_t> out) const override {
    std::copy_n(memtable_->ids_.u64_ids() + first, out.size(), out.begin());
    return {};
  }
  Status read_ids(uint32_t first, std::span<std::string_view> out) const override {
    for (std::string_view& id : out) id = std::get<std::string_view>(memtable_->ids_.at(first++));
    return {};
  }
  Result<std::optional<uint32_t>> find(const IdView& id) const override {
    return memtable_->ids_.find(id, rows_);
  }
  bool before(uint32_t a, uint32_t b) const override {
    return memtable_->ids_.at(a) < memtable_->ids_.at(b);
  }

  const column::ColumnSource& columns() const override { return memtable_->columns_; }
  Status check() const override { return {}; }  // memory stays

 private:
  const std::byte* row(uint32_t slot) const {
    return memtable_->vectors_.get() + size_t{slot} * memtable_->spec_.row_bytes();
  }

  const std::shared_ptr<const Memtable> memtable_;
  const uint32_t rows_;
  const uint32_t coded_rows_;
};

Memtable::Memtable(const VectorSpec& spec, IdKind id_kind, uint32_t capacity,
                   std::shared_ptr<const codec::rabitq::Encoder> encoder, column::Schema known)
    : spec_(spec),
      capacity_(capacity),
      ids_(id_kind, capacity),
      columns_(std::move(known)),
      vectors_(make_large_array<std::byte>(size_t{capacity} * spec.row_bytes())),
      byte_codes_(spec, capacity) {
  if (encoder != nullptr) {
    encoder_owner_ = std::move(encoder);
    adopt_encoder(0);
  }
}

uint32_t Memtable::reserve(const IdsView& ids, std::span<const Column> columns, uint32_t rows) {
  OMEN_CHECK(rows <= capacity_ - reserved_);
  ids_.append(ids);
  columns_.append(columns, rows);
  return std::exchange(reserved_, reserved_ + rows);
}

uint32_t Memtable::reserve_sequence(uint64_t first_id, std::span<const Column> columns,
                                    uint32_t rows) {
  OMEN_CHECK(rows <= capacity_ - reserved_);
  ids_.append_sequence(first_id, rows);
  columns_.append(columns, rows);
  return std::exchange(reserved_, reserved_ + rows);
}

bool Memtable::fill(uint32_t first, const VectorsView& vectors) {
  const size_t row_bytes = spec_.row_bytes();
  std::byte* place = vectors_.get() + first * row_bytes;
  if (vectors.row_stride() == row_bytes) {
    std::memcpy(place, vectors.data, vectors.count * row_bytes);
  } else {
    for (size_t i = 0; i < vectors.count; ++i) {
      std::memcpy(place + i * row_bytes, vectors.row(i), row_bytes);
    }
  }
  const codec::rabitq::Encoder* encoder = encoder_.load(std::memory_order_acquire);
  if (encoder == nullptr) return false;
  encode_blocks(*encoder, first, first + static_cast<uint32_t>(vectors.count));
  return true;
}

void Memtable::populate_ahead(uint32_t rows, uint32_t batch) {
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

void Memtable::publish(uint32_t first, uint32_t rows, bool encoded) {
  if (!spec_.coded()) return;
  const uint32_t end = first + rows;
  if (encoder_owner_ == nullptr) {
    if (end >= kRowsBeforeCoding) adopt_encoder(end);
    return;
  }
  // The block that an earlier batch began: complete now, or left to a later batch.
  const uint32_t block_start = first / kBlock * kBlock;
  if (block_start != first && block_start + kBlock <= end) {
    encode_blocks(*encoder_owner_, block_start, block_start + kBlock);
  }
  if (!encoded) encode_blocks(*encoder_owner_, first, end);
}

void Memtable::adopt_encoder(uint32_t rows) {
  codes_ = make_large_array<std::byte>(codec::rabitq::coded_bytes(spec_.dim, capacity_));
  if (encoder_owner_ == nullptr) {
    encoder_owner_ = make_encoder(spec_, vectors_.get(), rows);
  }
  encode_blocks(*encoder_owner_, 0, rows);
  encoder_.store(encoder_owner_.get(), std::memory_order_release);
}

void Memtable::encode_blocks(const codec::rabitq::Encoder& encoder, uint32_t first, uint32_t end) {
  const size_t row_bytes = spec_.row_bytes();
  for (uint32_t b = (first + kBlock - 1) / kBlock; (b + 1) * kBlock <= end; ++b) {
    encoder.encode_block(vectors_.get() + size_t{b} * kBlock * row_bytes, row_bytes, kBlock,
                         codes_.get() + b * encoder.block_bytes());
  }
}

std::shared_ptr<const RowSource> Memtable::view(uint32_t watermark) {
  const uint32_t coded = encoder_owner_ == nullptr ? 0 : watermark / kBlock * kBlock;
  return std::make_shared<MemtableView>(shared_from_this(), watermark, coded);
}

}  // namespace omendb::segment
