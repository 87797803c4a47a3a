#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "storage/manifest.h"

namespace omendb::storage {
namespace {

constexpr std::string_view kMagic("OMENDB\0M", 8);
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 24;  // magic, version, reserved, payload length
constexpr size_t kCrcBytes = 4;
constexpr size_t kMaxFormerTypes = 10;  // all but the one that it has

void encode(ByteWriter& out, const CollectionMeta& collection) {
  out.u32(collection.id);
  out.string(collection.name);
  out.varint(collection.fields.size());
  for (const FieldMeta& field : collection.fields) {
    out.u16(to_int(field.id));
    out.u8(kDenseField);
    out.string(field.name);
    out.varint(field.dim);
    out.u8(static_cast<uint8_t>(field.metric));
    out.u8(static_cast<uint8_t>(field.element));
  }
  out.u8(collection.id_kind);
  out.u64(collection.next_auto_id);
  out.u64(to_int(collection.flushed));
  out.u32(collection.next_column_id);
  out.varint(collection.columns.size());
  for (const ColumnMeta& column : collection.columns) {
    out.u32(to_int(column.id));
    out.string(column.name);
    out.u8(static_cast<uint8_t>(column.type));
    out.varint(column.former.size());
    for (const ColumnType type : column.former) out.u8(static_cast<uint8_t>(type));
  }
  out.varint(collection.segments.size());
  for (const SegmentMeta& segment : collection.segments) {
    out.string(segment.name);
    out.varint(segment.rows);
    out.varint(segment.bytes);
    out.varint(segment.dead_rows);
    out.string(segment.tombstones);
    out.varint(segment.indexes.size());
    for (const IndexMeta& index : segment.indexes) {
      out.u16(to_int(index.field));
      out.u8(index.kind);
      out.u16(index.version);
      out.string(index.name);
      out.varint(index.bytes);
      out.prefixed(index.calibration);
    }
  }
}

// Names become paths, so nothing may lead out of the folder.
bool is_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

// Reads one payload. Each step returns false, having said in error() what was wrong.
class Decoder {
 public:
  Decoder(std::span<const std::byte> payload, const std::string& file)
      : in_(payload), file_(file) {}

  bool manifest(Manifest& out) {
    std::span<const std::byte> uuid;
    uint64_t log_trimmed = 0;
    uint64_t log_durable = 0;
    uint32_t log_epoch = 0;
    uint64_t catalogue = 0;
    uint64_t count = 0;
    if (!in_.u64(out.generation) || !in_.bytes(out.opening_uuid.size(), uuid) ||
        !in_.u32(out.next_collection_id) || !in_.u64(out.next_file_number) ||
        !in_.u64(log_trimmed) || !in_.u64(log_durable) || !in_.u64(out.log.sequence) ||
        !in_.u32(log_epoch) || !in_.u64(catalogue) || !in_.varint(count)) {
      return fail("it ends too soon");
    }
    std::memcpy(out.opening_uuid.data(), uuid.data(), uuid.size());
    out.log.trimmed = Lsn{log_trimmed};
    out.log.durable = Lsn{log_durable};
    out.log.epoch = Epoch{log_epoch};
    out.catalogue = Lsn{catalogue};
    const Lsn highest = std::max({out.log.trimmed, out.log.durable, out.catalogue});
    if (highest > kMaxLsn) return fail("log position " + std::to_string(to_int(highest)));
    if (count > kMaxCollections) return fail("too many collections");
    std::set<uint32_t> ids;
    std::set<std::string> names;
    for (uint64_t i = 0; i < count; ++i) {
      CollectionMeta& meta = out.collections.emplace_back();
      if (!collection(meta)) return false;
      if (!ids.insert(meta.id).second || !names.insert(meta.name).second) {
        return fail("a collection is listed twice");
      }
    }
    return in_.done() || fail("bytes follow its end");
  }

  Status error() const {
    return {StatusCode::kCorruption, "\"" + file_ + "\": offset " +
                                         std::to_string(kHeaderBytes + in_.position()) + ": " +
                                         what_};
  }

 private:
  bool collection(CollectionMeta& out) {
    uint64_t flushed = 0;
    if (!in_.u32(out.id) || !in_.string(out.name)) return fail("a collection ends too soon");
    if (!fields(out.fields)) return false;
    if (!in_.u8(out.id_kind) || !in_.u64(out.next_auto_id) || !in_.u64(flushed)) {
      return fail("a collection ends too soon");
    }
    if (out.name.empty() || out.name.size() > kMaxCollectionNameBytes) {
      return fail("a collection's name has " + std::to_string(out.name.size()) + " bytes");
    }
    if (out.id_kind > 2) return fail("unknown id kind " + std::to_string(out.id_kind));
    out.flushed = Lsn{flushed};
    if (out.flushed > kMaxLsn) return fail("log position " + std::to_string(flushed));
    return columns(out) && segments(out.segments);
  }

  bool fields(std::vector<FieldMeta>& out) {
    uint64_t count = 0;
    if (!in_.varint(count)) return fail("a collection ends too soon");
    if (count < 1 || count > kMaxVectorFields) {
      return fail(std::to_string(count) + " vector fields");
    }
    std::set<std::string> names;
    for (uint64_t i = 0; i < count; ++i) {
      FieldMeta& field = out.emplace_back();
      if (!this->field(field)) return false;
      if (count > 1 && field.id == kUnnamedField) return fail("an unnamed field beside others");
      if (i > 0 && field.id <= out[i - 1].id) return fail("vector fields out of order");
      if (!names.insert(field.name).second) return fail("a vector field is listed twice");
    }
    return true;
  }

  bool field(FieldMeta& out) {
    uint16_t id = 0;
    uint8_t kind = 0;
    uint8_t metric = 0;
    uint8_t element = 0;
    if (!in_.u16(id) || !in_.u8(kind) || !in_.string(out.name) || !in_.varint(out.dim) ||
        !in_.u8(metric) || !in_.u8(element)) {
      return fail("a vector field ends too soon");
    }
    if (kind != kDenseField) return fail("a field of unknown kind " + std::to_string(kind));
    out.id = FieldId{id};
    if (out.name.empty() != (out.id == kUnnamedField) || out.name.size() > kMaxFieldNameBytes) {
      return fail("a vector field's name has " + std::to_string(out.name.size()) + " bytes");
    }
    if (out.dim > kMaxDimension) return fail("dimension " + std::to_string(out.dim));
    if (metric < 1 || metric > 4) return fail("unknown metric " + std::to_string(metric));
    if (element < 1 || element > 4) return fail("unknown element " + std::to_string(element));
    out.metric = static_cast<Metric>(metric);
    out.element = static_cast<Element>(element);
    return true;
  }

  bool columns(CollectionMeta& out) {
    uint64_t count = 0;
    if (!in_.u32(out.next_column_id) || !in_.varint(count)) {
      return fail("a collection ends too soon");
    }
    if (count > kMaxColumns) return fail(std::to_string(count) + " columns");
    if (out.next_column_id > kMaxColumnIds) {
      return fail("column number " + std::to_string(out.next_column_id));
    }
    std::set<ColumnId> ids;
    std::set<std::string> names;
    for (uint64_t i = 0; i < count; ++i) {
      ColumnMeta& column = out.columns.emplace_back();
      if (!this->column(column)) return false;
      if (to_int(column.id) >= out.next_column_id) {
        return fail("a column has number " + std::to_string(to_int(column.id)) + "; the next is " +
                    std::to_string(out.next_column_id));
      }
      if (!ids.insert(column.id).second || !names.insert(column.name).second) {
        return fail("a column is listed twice");
      }
    }
    return true;
  }

  bool column(ColumnMeta& out) {
    uint32_t id = 0;
    uint64_t former = 0;
    if (!in_.u32(id) || !in_.string(out.name)) return fail("a column ends too soon");
    if (!column_type(out.type)) return false;
    if (!in_.varint(former)) return fail("a column ends too soon");
    if (former > kMaxFormerTypes) return fail(std::to_string(former) + " former types of a column");
    out.id = ColumnId{id};
    out.former.resize(former);
    return std::ranges::all_of(out.former, [&](ColumnType& type) { return column_type(type); });
  }

  bool column_type(ColumnType& out) {
    uint8_t type = 0;
    if (!in_.u8(type)) return fail("a column ends too soon");
    out = static_cast<ColumnType>(type);
    return is_column_type(out) || fail("unknown column type " + std::to_string(type));
  }

  // Grows as entries are read, so a wrong count allocates nothing.
  bool segments(std::vector<SegmentMeta>& out) {
    uint64_t count = 0;
    if (!in_.varint(count)) return fail("a collection ends too soon");
    for (uint64_t i = 0; i < count; ++i) {
      SegmentMeta segment;
      if (!in_.string(segment.name) || !in_.varint(segment.rows) || !in_.varint(segment.bytes) ||
          !in_.varint(segment.dead_rows) || !in_.string(segment.tombstones)) {
        return fail("a segment ends too soon");
      }
      if (!is_file_name(segment.name) ||
          (!segment.tombstones.empty() && !is_file_name(segment.tombstones))) {
        return fail("a segment's file name is not one");
      }
      if (segment.dead_rows > segment.rows) return fail("a segment has more dead rows than rows");
      if (!indexes(segment.indexes)) return false;
      out.push_back(std::move(segment));
    }
    return true;
  }

  bool indexes(std::vector<IndexMeta>& out) {
    uint64_t count = 0;
    if (!in_.varint(count)) return fail("a segment ends too soon");
    for (uint64_t i = 0; i < count; ++i) {
      IndexMeta index;
      uint16_t field = 0;
      std::span<const std::byte> calibration;
      if (!in_.u16(field) || !in_.u8(index.kind) || !in_.u16(index.version) ||
          !in_.string(index.name) || !in_.varint(index.bytes) || !in_.prefixed(calibration)) {
        return fail("an index ends too soon");
      }
      if (!is_file_name(index.name)) return fail("an index's file name is not one");
      index.field = FieldId{field};
      index.calibration.assign(calibration.begin(), calibration.end());
      const auto same = [&](const IndexMeta& other) {
        return other.field == index.field && other.kind == index.kind &&
               other.version == index.version;
      };
      if (std::ranges::any_of(out, same)) return fail("a segment has the same index twice");
      out.push_back(std::move(index));
    }
    return true;
  }

  bool fail(std::string what) {
    what_ = std::move(what);
    return false;
  }

  ByteReader in_;
  const std::string& file_;
  std::string what_;
};

Status corrupt(const std::string& file, const std::string& what) {
  return {StatusCode::kCorruption, "\"" + file + "\": " + what};
}

}  // namespace

std::vector<std::byte> encode_manifest(const Manifest& manifest) {
  std::vector<std::byte> payload;
  ByteWriter body(payload);
  body.u64(manifest.generation);
  body.bytes(std::as_bytes(std::span(manifest.opening_uuid)));
  body.u32(manifest.next_collection_id);
  body.u64(manifest.next_file_number);
  body.u64(to_int(manifest.log.trimmed));
  body.u64(to_int(manifest.log.durable));
  body.u64(manifest.log.sequence);
  body.u32(to_int(manifest.log.epoch));
  body.u64(to_int(manifest.catalogue));
  body.varint(manifest.collections.size());
  for (const CollectionMeta& collection : manifest.collections) encode(body, collection);

  std::vector<std::byte> file;
  ByteWriter out(file);
  out.bytes(as_bytes(kMagic));
  out.u32(kVersion);
  out.u32(0);
  out.u64(payload.size());
  out.bytes(payload);
  out.u32(crc32c::of(file));
  return file;
}

Result<Manifest> decode_manifest(std::span<const std::byte> bytes, const std::string& file) {
  ByteReader header(bytes);
  std::span<const std::byte> magic;
  uint32_t version = 0;
  uint32_t reserved = 0;
  uint64_t length = 0;
  if (!header.bytes(kMagic.size(), magic) || !header.u32(version) || !header.u32(reserved) ||
      !header.u64(length)) {
    return corrupt(file, "is " + std::to_string(bytes.size()) + " bytes, too few; it is cut");
  }
  if (!std::ranges::equal(magic, as_bytes(kMagic))) {
    return corrupt(file, "offset 0: not an OmenDB manifest");
  }
  // Before the checksum: a newer version may lay the rest out differently.
  if (version > kVersion) {
    return Status(StatusCode::kUnsupportedVersion,
                  "\"" + file + "\" has format version " + std::to_string(version) +
                      "; this OmenDB reads up to " + std::to_string(kVersion));
  }
  if (bytes.size() < kHeaderBytes + kCrcBytes ||
      length != bytes.size() - kHeaderBytes - kCrcBytes) {
    return corrupt(file, "is " + std::to_string(bytes.size()) + " bytes; its header says " +
                             std::to_string(length) + " and 28 more");
  }
  uint32_t expected = 0;
  ByteReader(bytes.last(kCrcBytes)).u32(expected);
  if (crc32c::of(bytes.first(bytes.size() - kCrcBytes)) != expected) {
    return corrupt(file, "offset 0: the manifest fails its checksum");
  }
  if (version == 0 || reserved != 0) return corrupt(file, "offset 8: the header makes no sense");
  Manifest manifest;
  Decoder decoder(bytes.subspan(kHeaderBytes, static_cast<size_t>(length)), file);
  if (!decoder.manifest(manifest)) return decoder.error();
  return manifest;
}

}  // namespace omendb::storage
