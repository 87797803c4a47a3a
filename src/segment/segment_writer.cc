#include "segment/segment_writer.h"

#include <algorithm>
#include <cstring>

#include "base/status_macros.h"
#include "segment/center.h"

namespace omendb::segment {

namespace {

constexpr size_t kRowsPerStep = 1'024;
constexpr size_t kMaxCenterSample = 16'384;
constexpr uint32_t kBlock = codec::rabitq::kBlockRows;

/// One write of one segment: the parts that its steps share.
class SegmentWrite {
 public:
  SegmentWrite(const VectorSpec& spec, IdKind id_kind, std::span<const WriteSource> sources)
      : spec_(spec), id_kind_(id_kind), sources_(sources) {}

  Status choose_rows();
  const std::vector<column::RowRef>& order() const { return order_; }
  Status write(storage::SectionFileWriter& out, const column::Schema& schema);
  std::vector<std::vector<uint32_t>> new_slots() const;

 private:
  template <class Id>
  Status sort_by_id();
  /// Calls step(row pointers, count) over all rows in order, kRowsPerStep at a time.
  template <class Step>
  Status for_each_row_step(size_t stride, Step step);
  Result<std::vector<float>> choose_center();

  Status write_header(storage::SectionFileWriter& out);
  Status write_ids(storage::SectionFileWriter& out);
  Status write_vectors(storage::SectionFileWriter& out);
  Status write_section(storage::SectionFileWriter& out, SectionKind kind,
                       std::span<const std::byte> bytes);

  const VectorSpec spec_;
  const IdKind id_kind_;
  const std::span<const WriteSource> sources_;
  std::vector<column::RowRef> order_;
};

Status SegmentWrite::choose_rows() {
  return id_kind_ == IdKind::kU64 ? sort_by_id<uint64_t>() : sort_by_id<std::string_view>();
}

template <class Id>
Status SegmentWrite::sort_by_id() {
  std::vector<std::pair<Id, column::RowRef>> rows;
  for (uint32_t s = 0; s < sources_.size(); ++s) {
    const WriteSource& source = sources_[s];
    for (uint32_t r = 0; r < source.rows->rows(); ++r) {
      if (is_dead(source.dead, r)) continue;
      OMEN_ASSIGN_OR_RETURN(const IdView id, source.rows->id(r));
      rows.push_back({std::get<Id>(id), column::RowRef{s, r}});
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  order_.reserve(rows.size());
  for (const auto& [id, ref] : rows) order_.push_back(ref);
  return {};
}

template <class Step>
Status SegmentWrite::for_each_row_step(size_t stride, Step step) {
  std::vector<const std::byte*> places(kRowsPerStep);
  size_t n = 0;
  for (size_t i = 0; i < order_.size(); i += stride) {
    const column::RowRef ref = order_[i];
    OMEN_RETURN_IF_ERROR(sources_[ref.source].rows->locate(std::span(&ref.row, 1), &places[n]));
    if (++n == kRowsPerStep) {
      OMEN_RETURN_IF_ERROR(step(std::span<const std::byte* const>(places.data(), n)));
      n = 0;
    }
  }
  return n == 0 ? Status() : step(std::span<const std::byte* const>(places.data(), n));
}

Result<std::vector<float>> SegmentWrite::choose_center() {
  CenterSum sum(spec_);
  const size_t stride = std::max<size_t>(1, order_.size() / kMaxCenterSample);
  OMEN_RETURN_IF_ERROR(for_each_row_step(stride, [&](std::span<const std::byte* const> rows) {
    for (const std::byte* row : rows) sum.add(row);
    return Status();
  }));
  return sum.mean();
}

Status SegmentWrite::write(storage::SectionFileWriter& out, const column::Schema& schema) {
  OMEN_RETURN_IF_ERROR(write_header(out));
  OMEN_RETURN_IF_ERROR(write_ids(out));
  OMEN_RETURN_IF_ERROR(write_vectors(out));
  std::vector<const column::ColumnSource*> columns;
  for (const WriteSource& source : sources_) columns.push_back(&source.rows->columns());
  return column::write_columns(out, schema, columns, order_);
}

Status SegmentWrite::write_header(storage::SectionFileWriter& out) {
  SegmentHeader header{};
  header.version = kSegmentVersion;
  header.metric = static_cast<uint8_t>(spec_.metric);
  header.element = static_cast<uint8_t>(spec_.element);
  header.id_kind = static_cast<uint8_t>(id_kind_);
  header.coded = spec_.coded() ? 1 : 0;
  header.dim = spec_.dim;
  header.rows = order_.size();
  header.rotation_seed = kRotationSeed;
  if (id_kind_ == IdKind::kU64) {
    OMEN_ASSIGN_OR_RETURN(IdView low, sources_[order_.front().source].rows->id(order_.front().row));
    OMEN_ASSIGN_OR_RETURN(IdView high, sources_[order_.back().source].rows->id(order_.back().row));
    header.min_id = std::get<uint64_t>(low);
    header.max_id = std::get<uint64_t>(high);
  }
  return write_section(out, SectionKind::kHeader, std::as_bytes(std::span(&header, 1)));
}

Status SegmentWrite::write_ids(storage::SectionFileWriter& out) {
  std::vector<uint64_t> numbers;  // u64 ids, or the offsets of string ids
  numbers.reserve(order_.size() + 1);
  std::string text;
  if (id_kind_ == IdKind::kString) numbers.push_back(0);
  for (const column::RowRef ref : order_) {
    OMEN_ASSIGN_OR_RETURN(const IdView id, sources_[ref.source].rows->id(ref.row));
    if (id_kind_ == IdKind::kU64) {
      numbers.push_back(std::get<uint64_t>(id));
    } else {
      text += std::get<std::string_view>(id);
      numbers.push_back(text.size());
    }
  }
  const auto kind = id_kind_ == IdKind::kU64 ? SectionKind::kIds : SectionKind::kIdOffsets;
  OMEN_RETURN_IF_ERROR(write_section(out, kind, std::as_bytes(std::span(numbers))));
  if (id_kind_ == IdKind::kU64) return {};
  return write_section(out, SectionKind::kIdBytes, std::as_bytes(std::span(text)));
}

Status SegmentWrite::write_vectors(storage::SectionFileWriter& out) {
  std::vector<float> center;
  std::shared_ptr<const codec::rabitq::Encoder> encoder;
  std::vector<std::byte> codes;
  if (spec_.coded()) {
    OMEN_ASSIGN_OR_RETURN(center, choose_center());
    encoder = make_encoder(spec_, center);
    codes.resize(codec::rabitq::coded_bytes(spec_.dim, order_.size()));
  }
  const size_t row_bytes = spec_.row_bytes();
  std::vector<std::byte> buffer(kRowsPerStep * row_bytes);
  std::byte* code = codes.data();
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kVectors)));
  OMEN_RETURN_IF_ERROR(for_each_row_step(1, [&](std::span<const std::byte* const> rows) {
    for (size_t i = 0; i < rows.size(); ++i) {
      std::memcpy(buffer.data() + i * row_bytes, rows[i], row_bytes);
    }
    for (size_t i = 0; encoder != nullptr && i < rows.size(); i += kBlock) {
      encoder->encode_block(buffer.data() + i * row_bytes, row_bytes,
                            std::min<size_t>(kBlock, rows.size() - i), code);
      code += encoder->block_bytes();
    }
    return out.append(std::span(buffer).first(rows.size() * row_bytes));
  }));
  OMEN_RETURN_IF_ERROR(out.end());
  if (encoder == nullptr) return {};
  OMEN_RETURN_IF_ERROR(write_section(out, SectionKind::kCenter, std::as_bytes(std::span(center))));
  return write_section(out, SectionKind::kCodes, codes);
}

Status SegmentWrite::write_section(storage::SectionFileWriter& out, SectionKind kind,
                                   std::span<const std::byte> bytes) {
  OMEN_RETURN_IF_ERROR(out.begin(key(kind)));
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

Result<WrittenSegment> write_segment(std::shared_ptr<storage::Env> env, const std::string& path,
                                     const VectorSpec& spec, IdKind id_kind,
                                     const column::Schema& schema,
                                     std::span<const WriteSource> sources) {
  SegmentWrite write(spec, id_kind, sources);
  OMEN_RETURN_IF_ERROR(write.choose_rows());
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
  OMEN_ASSIGN_OR_RETURN(result.segment, Segment::open(env, path, spec, id_kind));
  return result;
}

}  // namespace omendb::segment
