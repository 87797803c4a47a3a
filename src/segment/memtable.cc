#include "segment/memtable.h"

#include <utility>

#include "base/check.h"

namespace omendb::segment {

/// The rows of a memtable that a snapshot sees.
class MemtableView final : public RowSource {
 public:
  MemtableView(std::shared_ptr<const Memtable> memtable, uint32_t rows)
      : memtable_(std::move(memtable)), rows_(rows) {
    fields_.reserve(memtable_->fields_.size());
    for (const auto& field : memtable_->fields_) {
      fields_.emplace_back(*field, memtable_->ids_, rows);
    }
  }

  uint32_t rows() const override { return rows_; }
  const index::Rows& field(size_t field) const override { return fields_[field]; }
  const index::PartIndex* index(size_t field) const override { return fields_[field].coded(); }

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

  const column::ColumnSource& columns() const override { return memtable_->columns_; }
  Status check() const override { return {}; }  // memory stays

 private:
  const std::shared_ptr<const Memtable> memtable_;
  const uint32_t rows_;
  std::vector<GrowingVectorsView> fields_;
};

Memtable::Memtable(const Fields& fields, IdKind id_kind, uint32_t capacity,
                   const Encoders& encoders)
    : capacity_(capacity), ids_(id_kind, capacity) {
  OMEN_CHECK(encoders.empty() || encoders.size() == fields.size());
  for (size_t f = 0; f < fields.size(); ++f) {
    fields_.push_back(std::make_unique<GrowingVectors>(fields[f].spec, capacity,
                                                       encoders.empty() ? nullptr : encoders[f]));
  }
}

uint32_t Memtable::reserve(const IdsView& ids, std::span<const Column> columns,
                           const column::Schema& schema, uint32_t rows) {
  OMEN_CHECK(rows <= capacity_ - reserved_);
  ids_.append(ids);
  columns_.append(columns, schema, rows);
  return std::exchange(reserved_, reserved_ + rows);
}

uint32_t Memtable::reserve_sequence(uint64_t first_id, std::span<const Column> columns,
                                    const column::Schema& schema, uint32_t rows) {
  OMEN_CHECK(rows <= capacity_ - reserved_);
  ids_.append_sequence(first_id, rows);
  columns_.append(columns, schema, rows);
  return std::exchange(reserved_, reserved_ + rows);
}

void Memtable::populate_ahead(uint32_t rows, uint32_t batch) {
  for (const auto& field : fields_) field->populate_ahead(rows, batch);
}

void Memtable::publish(uint32_t first, uint32_t rows, bool encoded) {
  for (const auto& field : fields_) field->publish(first, rows, encoded);
}

std::shared_ptr<const RowSource> Memtable::view(uint32_t watermark) {
  return std::make_shared<MemtableView>(shared_from_this(), watermark);
}

Encoders Memtable::encoders() const {
  Encoders encoders;
  for (const auto& field : fields_) encoders.push_back(field->encoder());
  return encoders;
}

}  // namespace omendb::segment
