#include "segment/segment.h"

#include <algorithm>
#include <cstring>

#include "base/status_macros.h"

namespace omendb::segment {

namespace {

Status corrupt(const storage::SectionFile& file, const std::string& what) {
  return {StatusCode::kCorruption, file.path() + ": " + what};
}

template <class T>
T read_at(std::span<const std::byte> bytes, size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

Status check_header(const storage::SectionFile& file, const SegmentHeader& header, IdKind id_kind) {
  if (header.version > kSegmentVersion) {
    return {StatusCode::kUnsupportedVersion,
            file.path() + ": segment version " + std::to_string(header.version) +
                "; this OmenDB reads up to " + std::to_string(kSegmentVersion)};
  }
  if (header.version == 0 || header.reserved != 0) {
    return corrupt(file, "the segment header makes no sense");
  }
  if (header.id_kind != static_cast<uint8_t>(id_kind)) {
    return corrupt(file, "the segment's ids are not of its collection's kind");
  }
  if (header.rows == 0 || header.rows > kMaxSegmentRows) {
    return corrupt(file, "a segment of " + std::to_string(header.rows) + " rows");
  }
  return {};
}

bool matches(const SegmentField& stored, const Field& field) {
  const bool unknown = stored.dim == 0 && stored.presence == static_cast<uint8_t>(Presence::kNone);
  return stored.id == to_int(field.id) && (unknown || stored.dim == field.spec.dim) &&
         stored.presence <= static_cast<uint8_t>(Presence::kSome) &&
         stored.metric == static_cast<uint8_t>(field.spec.metric) &&
         stored.element == static_cast<uint8_t>(field.spec.element) && stored.kind == kDenseField &&
         stored.reserved[0] == 0 && stored.reserved[1] == 0;
}

/// Reads the header, and holds the fields that it lists against those of the collection.
Result<SegmentHeader> read_header(const storage::SectionFile& file, const Fields& fields,
                                  IdKind id_kind, std::vector<Presence>& presence) {
  OMEN_ASSIGN_OR_RETURN(auto section, file.section(key(SectionKind::kHeader)));
  OMEN_ASSIGN_OR_RETURN(auto bytes, section.bytes());
  SegmentHeader header;
  if (bytes.size() < sizeof header) return corrupt(file, "a segment header of the wrong size");
  std::memcpy(&header, bytes.data(), sizeof header);
  OMEN_RETURN_IF_ERROR(check_header(file, header, id_kind));
  if (bytes.size() != sizeof header + header.fields * sizeof(SegmentField)) {
    return corrupt(file, "a segment header of the wrong size");
  }
  bool same = header.fields == fields.size();
  for (size_t f = 0; same && f < fields.size(); ++f) {
    const auto stored = read_at<SegmentField>(bytes.subspan(sizeof header), f);
    same = matches(stored, fields[f]);
    presence.push_back(static_cast<Presence>(stored.presence));
  }
  if (!same) return corrupt(file, "the segment's vector fields differ from its collection's");
  return header;
}

}  // namespace

Result<std::shared_ptr<const Segment>> Segment::open(std::shared_ptr<storage::Env> env,
                                                     const std::string& path, const Fields& fields,
                                                     IdKind id_kind) {
  auto segment = std::shared_ptr<Segment>(new Segment);
  OMEN_ASSIGN_OR_RETURN(segment->file_, storage::SectionFile::open(env, path, kSegmentFileKind));
  std::vector<Presence> presence;
  OMEN_ASSIGN_OR_RETURN(const SegmentHeader header,
                        read_header(*segment->file_, fields, id_kind, presence));
  segment->id_kind_ = id_kind;
  segment->rows_ = static_cast<uint32_t>(header.rows);
  OMEN_RETURN_IF_ERROR(segment->load_ids(header.min_id, header.max_id));
  for (size_t f = 0; f < fields.size(); ++f) {
    OMEN_ASSIGN_OR_RETURN(SealedVectors vectors, SealedVectors::open(segment->file_, fields[f],
                                                                     presence[f], segment->rows_));
    segment->fields_.push_back(std::move(vectors));
  }
  OMEN_ASSIGN_OR_RETURN(segment->columns_,
                        column::SealedColumns::open(segment->file_, segment->rows_));
  return std::shared_ptr<const Segment>(std::move(segment));
}

Status Segment::load_ids(uint64_t min_id, uint64_t max_id) {
  if (id_kind_ == IdKind::kU64) {
    min_id_ = min_id;
    max_id_ = max_id;
    OMEN_ASSIGN_OR_RETURN(ids_, file_->section(key(SectionKind::kIds)));
    if (ids_.size() != uint64_t{rows_} * 8) return corrupt(*file_, "ids do not match the rows");
    return {};
  }
  OMEN_ASSIGN_OR_RETURN(ids_, file_->section(key(SectionKind::kIdOffsets)));
  OMEN_ASSIGN_OR_RETURN(id_bytes_, file_->section(key(SectionKind::kIdBytes)));
  if (ids_.size() != (uint64_t{rows_} + 1) * 8) {
    return corrupt(*file_, "id offsets do not match the rows");
  }
  return {};
}

Result<IdView> Segment::id(uint32_t slot) const {
  if (id_kind_ == IdKind::kU64) {
    OMEN_RETURN_IF_ERROR(ids_.verify(uint64_t{slot} * 8, 8));
    return IdView{read_at<uint64_t>(ids_.unchecked(), slot)};
  }
  OMEN_RETURN_IF_ERROR(ids_.verify(uint64_t{slot} * 8, 16));
  const auto begin = read_at<uint64_t>(ids_.unchecked(), slot);
  const auto end = read_at<uint64_t>(ids_.unchecked(), slot + 1);
  if (begin > end || end > id_bytes_.size()) return corrupt(*file_, "id offsets out of order");
  OMEN_RETURN_IF_ERROR(id_bytes_.verify(begin, end - begin));
  const auto* chars = reinterpret_cast<const char*>(id_bytes_.unchecked().data());
  return IdView{std::string_view(chars + begin, end - begin)};
}

Status Segment::read_ids(uint32_t first, std::span<uint64_t> out) const {
  OMEN_RETURN_IF_ERROR(ids_.verify(uint64_t{first} * 8, out.size_bytes()));
  std::memcpy(out.data(), ids_.unchecked().data() + uint64_t{first} * 8, out.size_bytes());
  return {};
}

Status Segment::read_ids(uint32_t first, std::span<std::string_view> out) const {
  OMEN_RETURN_IF_ERROR(ids_.verify(uint64_t{first} * 8, (out.size() + 1) * 8));
  const auto offset = [&](size_t i) { return read_at<uint64_t>(ids_.unchecked(), first + i); };
  const uint64_t begin = offset(0);
  const uint64_t end = offset(out.size());
  if (begin > end || end > id_bytes_.size()) return corrupt(*file_, "id offsets out of order");
  OMEN_RETURN_IF_ERROR(id_bytes_.verify(begin, end - begin));
  const auto* chars = reinterpret_cast<const char*>(id_bytes_.unchecked().data());
  uint64_t at = begin;
  for (size_t i = 0; i < out.size(); ++i) {
    const uint64_t next = offset(i + 1);
    if (next < at || next > end) return corrupt(*file_, "id offsets out of order");
    out[i] = {chars + at, next - at};
    at = next;
  }
  return {};
}

Result<std::optional<uint32_t>> Segment::find(const IdView& wanted) const {
  if (wanted.index() != (id_kind_ == IdKind::kU64 ? 0u : 1u)) return std::optional<uint32_t>();
  if (const auto* number = std::get_if<uint64_t>(&wanted)) {
    if (*number < min_id_ || *number > max_id_) return std::optional<uint32_t>();
  }
  uint32_t low = 0;
  uint32_t high = rows_;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    OMEN_ASSIGN_OR_RETURN(const IdView found, id(middle));
    if (found == wanted) return std::optional<uint32_t>(middle);
    if (found < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::optional<uint32_t>();
}

Status write_tombstones(std::shared_ptr<storage::Env> env, const std::string& path,
                        const Tombstones& dead) {
  OMEN_ASSIGN_OR_RETURN(auto writer,
                        storage::SectionFileWriter::create(env, path, kTombstoneFileKind));
  const std::vector<uint32_t> slots = dead.slots();
  OMEN_RETURN_IF_ERROR(writer->begin(key(SectionKind::kTombstones)));
  OMEN_RETURN_IF_ERROR(writer->append(std::as_bytes(std::span(slots))));
  OMEN_RETURN_IF_ERROR(writer->end());
  return writer->finish().status();
}

Result<std::shared_ptr<const Tombstones>> read_tombstones(std::shared_ptr<storage::Env> env,
                                                          const std::string& path, uint32_t rows) {
  OMEN_ASSIGN_OR_RETURN(auto file, storage::SectionFile::open(env, path, kTombstoneFileKind));
  OMEN_ASSIGN_OR_RETURN(auto section, file->section(key(SectionKind::kTombstones)));
  OMEN_ASSIGN_OR_RETURN(auto bytes, section.bytes());
  if (bytes.size() % sizeof(uint32_t) != 0) return corrupt(*file, "a cut list of dead rows");
  std::vector<uint32_t> slots(bytes.size() / sizeof(uint32_t));
  if (!slots.empty()) std::memcpy(slots.data(), bytes.data(), bytes.size());
  for (uint32_t slot : slots) {
    if (slot >= rows) {
      return corrupt(*file, "dead row " + std::to_string(slot) + " in a segment of " +
                                std::to_string(rows) + " rows");
    }
  }
  return Tombstones::with(nullptr, slots);
}

}  // namespace omendb::segment
