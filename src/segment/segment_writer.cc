#include "segment/segment_writer.h"

#include <algorithm>
#include <cstring>

#include "base/bitmap.h"
#include "base/status_macros.h"
#include "segment/live_rows.h"

namespace omendb::segment {

namespace {

constexpr size_t kRowsPerStep = 1'024;

/// One write of one segment: the parts that its steps share.
class SegmentWrite {
 public:
  SegmentWrite(const Fields& fields, IdKind id_kind, std::span<const WriteSource> sources,
               const WriteOptions& options, JobControl& control)
      : fields_(fields),
        id_kind_(id_kind),
        sources_(sources),
        options_(options),
        control_(control) {}

  Status choose_rows(const column::Schema& schema);
  const std::vector<column::RowRef>& order() const { return order_; }
  Status write(storage::SectionFileWriter& out, const column::Schema& schema);
  std::vector<std::vector<uint32_t>> new_slots() const;

 private:
  /// Which rows of the segment have a vector in a field.
  struct FieldRows {
    Presence presence = Presence::kEvery;
    Bitmap present;  ///< under Presence::kSome

    bool has(size_t row) const {
      return presence == Presence::kEvery || (presence == Presence::kSome && present.test(row));
    }
  };
  Status choose_present(size_t field);

  Status write_header(storage::SectionFileWriter& out);
  Status write_ids(storage::SectionFileWriter& out);
  Status write_string_ids(storage::SectionFileWriter& out);
  Status write_vectors(storage::SectionFileWriter& out, size_t field);
  Status write_present(storage::SectionFileWriter& out, size_t field);
  /// Writes a section of T's by calling next(row, out) for each row.
  template <class T, class Next>
  Status write_section_of(storage::SectionFileWriter& out, SectionKind kind, std::vector<T> first,
                          Next next);

  const Fields& fields_;
  const IdKind id_kind_;
  const std::span<const WriteSource> sources_;
  const WriteOptions& options_;
  JobControl& control_;
  std::vector<column::RowRef> order_;
  std::vector<FieldRows> field_rows_;
};

Status SegmentWrite::choose_rows(const column::Schema& schema) {
  const uint64_t rows = count_live_rows(sources_);
  const uint64_t id_passes = id_kind_ == IdKind::kU64 ? 1 : 2;
  control_.begin(rows, 1 + id_passes + fields_.size() + schema.size() + options_.passes_to_follow);
  OMEN_ASSIGN_OR_RETURN(order_, live_rows_by_id(sources_, id_kind_, control_));
  return {};
}

Status SegmentWrite::choose_present(size_t field) {
  FieldRows& chosen = field_rows_.emplace_back();
  if (std::ranges::all_of(sources_, [field](const WriteSource& source) {
        return source.rows->field(field).complete();
      })) {
    return {};
  }
  chosen.present = Bitmap(order_.size());
  for (size_t i = 0; i < order_.size(); ++i) {
    const index::Rows& rows = sources_[order_[i].source].rows->field(field);
    OMEN_ASSIGN_OR_RETURN(const bool has, rows.has(order_[i].row));
    if (has) chosen.present.set(i);
  }
  const size_t count = chosen.present.count();
  if (count == 0) chosen.presence = Presence::kNone;
  if (count > 0 && count < order_.size()) chosen.presence = Presence::kSome;
  return {};
}

Status SegmentWrite::write(storage::SectionFileWriter& out, const column::Schema& schema) {
  for (size_t f = 0; f < fields_.size(); ++f) OMEN_RETURN_IF_ERROR(choose_present(f));
  OMEN_RETURN_IF_ERROR(write_header(out));
  OMEN_RETURN_IF_ERROR(id_kind_ == IdKind::kU64 ? write_ids(out) : write_string_ids(out));
  for (size_t f = 0; f < fields_.size(); ++f) {
    OMEN_RETURN_IF_ERROR(write_vectors(out, f));
    OMEN_RETURN_IF_ERROR(write_present(out, f));
  }
  std::vector<const column::ColumnSource*> columns;
  for (const WriteSource& source : sources_) columns.push_back(&source.rows->columns());
  return column::write_columns(out, schema, columns, order_, control_);
}

Status SegmentWrite::write_header(storage::SectionFileWriter& out) {
  SegmentHeader header{};
  header.version = kSegmentVersion;
  header.id_kind = static_cast<uint8_t>(id_kind_);
  header.fields = static_cast<uint16_t>(fields_.size());
  header.rows = order_.size();
  if (id_kind_ == IdKind::kU64) {
    OMEN_ASSIGN_OR_RETURN(IdView low, sources_[order_.front().source].rows->id(order_.front().row));
    OMEN_ASSIGN_OR_RETURN(IdView high, sources_[order_.back().source].rows->id(order_.back().row));
    header.min_id = std::get<uint64_t>(low);
    header.max_id = std::get<uint64_t>(high);
  }
  std::vector<SegmentField> fields;
  for (size_t f = 0; f < fields_.size(); ++f) {
    const VectorSpec& spec = fields_[f].spec;
    fields.push_back({to_int(fields_[f].id),
                      static_cast<uint8_t>(spec.metric),
                      static_cast<uint8_t>(spec.element),
                      kDenseField,
                      static_cast<uint8_t>(field_rows_[f].presence),
                      {},
                      spec.dim});
  }
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kHeader)));
  OMEN_RETURN_IF_ERROR(out.append(std::as_bytes(std::span(&header, 1))));
  OMEN_RETURN_IF_ERROR(out.append(std::as_bytes(std::span(fields))));
  return out.end();
}

template <class T, class Next>
Status SegmentWrite::write_section_of(storage::SectionFileWriter& out, SectionKind kind,
                                      std::vector<T> first, Next next) {
  std::vector<T> some = std::move(first);
  OMEN_RETURN_IF_ERROR(out.begin(key(kind)));
  for (size_t i = 0; i < order_.size(); i += kRowsPerStep) {
    const size_t end = std::min(i + kRowsPerStep, order_.size());
    for (size_t r = i; r < end; ++r) {
      OMEN_ASSIGN_OR_RETURN(const IdView id, sources_[order_[r].source].rows->id(order_[r].row));
      next(id, some);
    }
    OMEN_RETURN_IF_ERROR(out.append(std::as_bytes(std::span(some))));
    OMEN_RETURN_IF_ERROR(control_.proceed(end - i));
    some.clear();
  }
  return out.end();
}

Status SegmentWrite::write_ids(storage::SectionFileWriter& out) {
  return write_section_of<uint64_t>(out, SectionKind::kIds, {}, [](const IdView& id, auto& some) {
    some.push_back(std::get<uint64_t>(id));
  });
}

Status SegmentWrite::write_string_ids(storage::SectionFileWriter& out) {
  uint64_t offset = 0;
  OMEN_RETURN_IF_ERROR(write_section_of<uint64_t>(out, SectionKind::kIdOffsets, {0},
                                                  [&](const IdView& id, auto& some) {
                                                    offset += std::get<std::string_view>(id).size();
                                                    some.push_back(offset);
                                                  }));
  return write_section_of<char>(out, SectionKind::kIdBytes, {}, [](const IdView& id, auto& some) {
    const auto text = std::get<std::string_view>(id);
    some.insert(some.end(), text.begin(), text.end());
  });
}

Status SegmentWrite::write_vectors(storage::SectionFileWriter& out, size_t field) {
  if (field_rows_[field].presence == Presence::kNone) return control_.proceed(order_.size());
  const size_t row_bytes = fields_[field].spec.row_bytes();
  std::vector<std::byte> buffer(kRowsPerStep * row_bytes);
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kVectors, fields_[field].id)));
  for (size_t i = 0; i < order_.size(); i += kRowsPerStep) {
    const size_t rows = std::min(kRowsPerStep, order_.size() - i);
    for (size_t r = 0; r < rows; ++r) {
      std::byte* const place = buffer.data() + r * row_bytes;
      if (!field_rows_[field].has(i + r)) {
        std::memset(place, 0, row_bytes);
        continue;
      }
      const column::RowRef ref = order_[i + r];
      const std::byte* row = nullptr;
      OMEN_RETURN_IF_ERROR(
          sources_[ref.source].rows->field(field).locate(std::span(&ref.row, 1), &row));
      std::memcpy(place, row, row_bytes);
    }
    OMEN_RETURN_IF_ERROR(out.append(std::span(buffer).first(rows * row_bytes)));
    OMEN_RETURN_IF_ERROR(control_.proceed(rows));
  }
  return out.end();
}

Status SegmentWrite::write_present(storage::SectionFileWriter& out, size_t field) {
  if (field_rows_[field].presence != Presence::kSome) return {};
  const auto bytes = std::as_bytes(field_rows_[field].present.words());
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kPresent, fields_[field].id)));
  OMEN_RETURN_IF_ERROR(out.append(bytes.first((order_.size() + 7) / 8)));
  return out.end();
}

std::vector<std::vector<uint32_t>> SegmentWrite::new_slots() const {
  std::vector<std::vector<uint32_t>> result;
  for (const WriteSource& source : sources_) result.emplace_back(source.rows->rows(), kDropped);
  for (uint32_t i = 0; i < order_.size(); ++i) result[order_[i].source][order_[i].row] = i;
  return result;
}

}  // namespace

size_t write_bytes_per_row(const column::Schema& schema) {
  const bool offsets = std::ranges::any_of(schema, [](const column::ColumnSchema& column) {
    return is_array(column.type) || element_type(column.type) == ColumnType::kString;
  });
  return sizeof(column::RowRef) + sizeof(uint32_t) + (offsets ? 2 * sizeof(uint64_t) : 0);
}

Result<WrittenSegment> write_segment(std::shared_ptr<storage::Env> env, const std::string& path,
                                     const Fields& fields, IdKind id_kind,
                                     const column::Schema& schema,
                                     std::span<const WriteSource> sources,
                                     const WriteOptions& options) {
  JobControl unwatched;
  JobControl& control = options.control == nullptr ? unwatched : *options.control;
  SegmentWrite write(fields, id_kind, sources, options, control);
  OMEN_RETURN_IF_ERROR(write.choose_rows(schema));
  if (write.order().size() > kMaxSegmentRows) {
    return Status(StatusCode::kLimitExceeded,
                  path + ": a segment of " + std::to_string(write.order().size()) +
                      " rows; at most " + std::to_string(kMaxSegmentRows));
  }
  WrittenSegment result;
  result.new_slots = write.new_slots();
  if (write.order().empty()) return result;  // all are dead

  OMEN_ASSIGN_OR_RETURN(auto out, storage::SectionFileWriter::create(env, path, kSegmentFileKind));
  OMEN_RETURN_IF_ERROR(write.write(*out, schema));
  for (const WriteSource& source : sources) OMEN_RETURN_IF_ERROR(source.rows->check());
  OMEN_RETURN_IF_ERROR(out->finish().status());
  OMEN_ASSIGN_OR_RETURN(result.segment, Segment::open(env, path, fields, id_kind));
  return result;
}

}  // namespace omendb::segment
