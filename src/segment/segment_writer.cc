#include "segment/segment_writer.h"

#include <algorithm>
#include <cstring>

#include "base/status_macros.h"
#include "segment/center.h"
#include "segment/live_rows.h"

namespace omendb::segment {

namespace {

constexpr size_t kRowsPerStep = 1'024;
constexpr size_t kMaxCenterSample = 16'384;
constexpr uint32_t kBlock = codec::rabitq::kBlockRows;
static_assert(kRowsPerStep % kBlock == 0);

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
    size_t count = 0;

    bool has(size_t row) const {
      return presence == Presence::kEvery || (presence == Presence::kSome && present.test(row));
    }
  };
  Status choose_present(size_t field);
  /// Calls step(places of vectors of a field) over the rows that are wanted(row), in order,
  /// kRowsPerStep at a time; a row without a vector has zeros.
  template <class Wanted, class Step>
  Status for_each_row_step(size_t field, Wanted wanted, Step step);
  /// Calls step(vectors, count), which lie without gaps, in the same way.
  template <class Step>
  Status for_each_vector_step(size_t field, Step step);
  Result<std::vector<float>> choose_center(size_t field);

  Status write_header(storage::SectionFileWriter& out);
  Status write_ids(storage::SectionFileWriter& out);
  Status write_string_ids(storage::SectionFileWriter& out);
  Status write_vectors(storage::SectionFileWriter& out, size_t field);
  Status write_coded_vectors(storage::SectionFileWriter& out, size_t field);
  Status write_present(storage::SectionFileWriter& out, size_t field);
  Status write_section(storage::SectionFileWriter& out, storage::SectionKey section,
                       std::span<const std::byte> bytes);
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
  uint64_t vector_passes = 0;
  for (const Field& field : fields_) vector_passes += field.spec.coded() ? 2 : 1;
  control_.begin(rows, 1 + id_passes + vector_passes + schema.size());
  OMEN_ASSIGN_OR_RETURN(order_, live_rows_by_id(sources_, id_kind_, control_));
  return {};
}

Status SegmentWrite::choose_present(size_t field) {
  FieldRows& chosen = field_rows_.emplace_back();
  chosen.count = order_.size();
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
  chosen.count = chosen.present.count();
  if (chosen.count == 0) chosen.presence = Presence::kNone;
  if (chosen.count > 0 && chosen.count < order_.size()) chosen.presence = Presence::kSome;
  return {};
}

template <class Wanted, class Step>
Status SegmentWrite::for_each_row_step(size_t field, Wanted wanted, Step step) {
  const std::vector<std::byte> zeros(fields_[field].spec.row_bytes());
  std::vector<const std::byte*> places(kRowsPerStep);
  size_t n = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    if (!wanted(i)) continue;
    places[n] = zeros.data();
    if (field_rows_[field].has(i)) {
      const index::Rows& rows = sources_[order_[i].source].rows->field(field);
      OMEN_RETURN_IF_ERROR(rows.locate(std::span(&order_[i].row, 1), &places[n]));
    }
    if (++n == kRowsPerStep) {
      OMEN_RETURN_IF_ERROR(step(std::span<const std::byte* const>(places.data(), n)));
      n = 0;
    }
  }
  return n == 0 ? Status() : step(std::span<const std::byte* const>(places.data(), n));
}

template <class Step>
Status SegmentWrite::for_each_vector_step(size_t field, Step step) {
  const size_t row_bytes = fields_[field].spec.row_bytes();
  std::vector<std::byte> buffer(kRowsPerStep * row_bytes);
  const auto all = [](size_t) { return true; };
  return for_each_row_step(field, all, [&](std::span<const std::byte* const> rows) {
    for (size_t i = 0; i < rows.size(); ++i) {
      std::memcpy(buffer.data() + i * row_bytes, rows[i], row_bytes);
    }
    OMEN_RETURN_IF_ERROR(step(std::span<const std::byte>(buffer).first(rows.size() * row_bytes)));
    return control_.proceed(rows.size());
  });
}

Result<std::vector<float>> SegmentWrite::choose_center(size_t field) {
  CenterSum sum(fields_[field].spec);
  const FieldRows& present = field_rows_[field];
  const size_t stride = std::max<size_t>(1, present.count / kMaxCenterSample);
  size_t seen = 0;
  const auto drawn = [&](size_t row) { return present.has(row) && seen++ % stride == 0; };
  OMEN_RETURN_IF_ERROR(for_each_row_step(field, drawn, [&](std::span<const std::byte* const> rows) {
    for (const std::byte* row : rows) sum.add(row);
    return control_.proceed(0);
  }));
  return sum.mean();
}

Status SegmentWrite::write(storage::SectionFileWriter& out, const column::Schema& schema) {
  for (size_t f = 0; f < fields_.size(); ++f) OMEN_RETURN_IF_ERROR(choose_present(f));
  OMEN_RETURN_IF_ERROR(write_header(out));
  OMEN_RETURN_IF_ERROR(id_kind_ == IdKind::kU64 ? write_ids(out) : write_string_ids(out));
  for (size_t f = 0; f < fields_.size(); ++f) {
    const bool coded = fields_[f].spec.coded();
    if (field_rows_[f].presence == Presence::kNone) {
      OMEN_RETURN_IF_ERROR(control_.proceed(order_.size() * (coded ? 2 : 1)));
      continue;
    }
    OMEN_RETURN_IF_ERROR(coded ? write_coded_vectors(out, f) : write_vectors(out, f));
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
  header.rotation_seed = kRotationSeed;
  if (id_kind_ == IdKind::kU64) {
    OMEN_ASSIGN_OR_RETURN(IdView low, sources_[order_.front().source].rows->id(order_.front().row));
    OMEN_ASSIGN_OR_RETURN(IdView high, sources_[order_.back().source].rows->id(order_.back().row));
    header.min_id = std::get<uint64_t>(low);
    header.max_id = std::get<uint64_t>(high);
  }
  std::vector<SegmentField> fields;
  for (size_t f = 0; f < fields_.size(); ++f) {
    const VectorSpec& spec = fields_[f].spec;
    fields.push_back({to_int(fields_[f].id), static_cast<uint8_t>(spec.metric),
                      static_cast<uint8_t>(spec.element),
                      static_cast<uint8_t>(spec.coded() ? 1 : 0), kDenseField,
                      static_cast<uint8_t>(field_rows_[f].presence), 0, spec.dim});
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
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kVectors, fields_[field].id)));
  OMEN_RETURN_IF_ERROR(for_each_vector_step(
      field, [&](std::span<const std::byte> vectors) { return out.append(vectors); }));
  return out.end();
}

/// Vectors, then codes. The codes are made with the vectors and kept until it is their turn, or
/// made in a pass of their own where they would take too much memory.
Status SegmentWrite::write_coded_vectors(storage::SectionFileWriter& out, size_t field) {
  const VectorSpec& spec = fields_[field].spec;
  const FieldId id = fields_[field].id;
  OMEN_ASSIGN_OR_RETURN(const std::vector<float> center, choose_center(field));
  const std::shared_ptr<const codec::rabitq::Encoder> encoder = make_encoder(spec, center);
  const bool keep = codec::rabitq::coded_bytes(spec.dim, order_.size()) <= options_.max_code_bytes;
  const size_t row_bytes = spec.row_bytes();
  std::vector<std::byte> codes(
      codec::rabitq::coded_bytes(spec.dim, keep ? order_.size() : kRowsPerStep));
  std::byte* code = codes.data();
  size_t row = 0;
  const auto encode = [&](std::span<const std::byte> vectors) {
    const size_t end = row + vectors.size() / row_bytes;
    for (const std::byte* at = vectors.data(); row < end; at += kBlock * row_bytes) {
      const size_t n = std::min<size_t>(kBlock, end - row);
      encoder->encode_block(at, row_bytes, n, code);
      for (size_t lane = 0; lane < n; ++lane, ++row) {
        if (!field_rows_[field].has(row)) encoder->clear_lane(code, lane);
      }
      code += encoder->block_bytes();
    }
  };
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kVectors, id)));
  OMEN_RETURN_IF_ERROR(for_each_vector_step(field, [&](std::span<const std::byte> vectors) {
    if (keep) encode(vectors);
    return out.append(vectors);
  }));
  OMEN_RETURN_IF_ERROR(out.end());
  OMEN_RETURN_IF_ERROR(
      write_section(out, key(SectionKind::kCenter, id), std::as_bytes(std::span(center))));
  if (keep) {
    OMEN_RETURN_IF_ERROR(control_.proceed(order_.size()));
    return write_section(out, key(SectionKind::kCodes, id), codes);
  }
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kCodes, id)));
  OMEN_RETURN_IF_ERROR(for_each_vector_step(field, [&](std::span<const std::byte> vectors) {
    code = codes.data();
    encode(vectors);
    return out.append({codes.data(), static_cast<size_t>(code - codes.data())});
  }));
  return out.end();
}

Status SegmentWrite::write_present(storage::SectionFileWriter& out, size_t field) {
  if (field_rows_[field].presence != Presence::kSome) return {};
  const auto bytes = std::as_bytes(field_rows_[field].present.words());
  return write_section(out, key(SectionKind::kPresent, fields_[field].id),
                       bytes.first((order_.size() + 7) / 8));
}

Status SegmentWrite::write_section(storage::SectionFileWriter& out, storage::SectionKey section,
                                   std::span<const std::byte> bytes) {
  OMEN_RETURN_IF_ERROR(out.begin(section));
  OMEN_RETURN_IF_ERROR(out.append(bytes));
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
