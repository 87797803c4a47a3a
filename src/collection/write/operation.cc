#include "collection/write/operation.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/status_macros.h"
#include "collection/write/batch_check.h"
#include "segment/growing_ids.h"

namespace omendb::collection {

namespace {

using column::Alteration;

// Frozen: docs/format.md, "Operations".
enum class Kind : uint8_t { kPut = 1, kDelete = 2, kCreate = 3, kDrop = 4, kAlter = 6 };
enum class IdForm : uint8_t { kU64 = 1, kString = 2, kSequence = 3 };
/// Which points have a vector in a field. Fields in which no point has one are not listed.
enum class FieldForm : uint8_t { kEvery = 1, kSome = 2 };

Status bad(const char* what) {
  return {StatusCode::kCorruption, std::string("a log record holds ") + what};
}

void write_ids(ByteWriter& out, const IdsView& ids, uint64_t first_id) {
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) {
    out.u8(static_cast<uint8_t>(IdForm::kU64));
    out.bytes(std::as_bytes(*numbers));
  } else if (const auto* strings = std::get_if<std::span<const std::string_view>>(&ids)) {
    out.u8(static_cast<uint8_t>(IdForm::kString));
    for (std::string_view id : *strings) out.string(id);
  } else {
    out.u8(static_cast<uint8_t>(IdForm::kSequence));
    out.u64(first_id);
  }
}

template <class T>
void write_array(ByteWriter& out, const std::vector<T>& values) {
  out.varint(values.size());
  out.bytes(std::as_bytes(std::span(values)));
}

template <class T>
bool read_array(ByteReader& in, std::vector<T>& values) {
  uint64_t count = 0;
  std::span<const std::byte> bytes;
  if (!in.varint(count) || count > in.remaining() / sizeof(T) ||
      !in.bytes(count * sizeof(T), bytes)) {
    return false;
  }
  values.resize(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return true;
}

void write_column(ByteWriter& out, const Column& column) {
  out.string(column.name);
  out.u8(static_cast<uint8_t>(column.type));
  write_array(out, column.valid);
  write_array(out, column.bools);
  write_array(out, column.ints);
  write_array(out, column.doubles);
  write_array(out, column.string_offsets);
  out.string(column.bytes);
  write_array(out, column.list_offsets);
}

bool read_column(ByteReader& in, Column& column) {
  uint8_t type = 0;
  if (!in.string(column.name) || !in.u8(type)) return false;
  column.type = static_cast<ColumnType>(type);
  return column_type_name(column.type) != "unknown" && read_array(in, column.valid) &&
         read_array(in, column.bools) && read_array(in, column.ints) &&
         read_array(in, column.doubles) && read_array(in, column.string_offsets) &&
         in.string(column.bytes) && read_array(in, column.list_offsets);
}

Status read_ids(ByteReader& in, uint32_t rows, DecodedOperation& out, IdsView& ids,
                uint64_t& first_id) {
  uint8_t form = 0;
  if (!in.u8(form)) return bad("no ids");
  switch (static_cast<IdForm>(form)) {
    case IdForm::kU64: {
      std::span<const std::byte> bytes;
      if (!in.bytes(uint64_t{rows} * 8, bytes)) return bad("too few ids");
      out.numbers.resize(rows);
      if (rows > 0) std::memcpy(out.numbers.data(), bytes.data(), bytes.size());
      ids = std::span<const uint64_t>(out.numbers);
      return {};
    }
    case IdForm::kString: {
      if (rows > in.remaining()) return bad("too few ids");
      out.strings.resize(rows);
      for (std::string_view& id : out.strings) {
        if (!in.string(id)) return bad("too few ids");
      }
      ids = std::span<const std::string_view>(out.strings);
      return {};
    }
    case IdForm::kSequence:
      if (!in.u64(first_id)) return bad("no first id");
      return {};
  }
  return bad("ids of an unknown form");
}

bool read_field_header(ByteReader& in, uint32_t rows, PutField& field, FieldForm& form) {
  uint16_t id = 0;
  uint8_t kind = 0;
  uint8_t element = 0;
  uint8_t presence = 0;
  uint32_t dim = 0;
  if (!in.u16(id) || !in.u8(kind) || !in.u8(element) || !in.u8(presence) || !in.u32(dim)) {
    return false;
  }
  form = static_cast<FieldForm>(presence);
  if (form != FieldForm::kEvery && form != FieldForm::kSome) return false;
  field.id = FieldId{id};
  field.vectors.element = static_cast<Element>(element);
  field.vectors.dim = dim;
  field.vectors.count = rows;
  return kind == kDenseField && element_name(field.vectors.element) != "unknown" && dim > 0 &&
         dim <= kMaxDimension;
}

/// Reads the bits of a field that some points lack: neither none nor all are set.
bool read_present(ByteReader& in, uint32_t rows, PutField& field) {
  std::span<const std::byte> bytes;
  if (rows == 0 || !in.bytes((uint64_t{rows} + 7) / 8, bytes)) return false;
  if (rows % 8 != 0 && (std::to_integer<uint8_t>(bytes.back()) >> (rows % 8)) != 0) return false;
  auto present = std::make_shared<Bitmap>(rows);
  std::memcpy(present->words().data(), bytes.data(), bytes.size());
  const size_t count = present->count();
  field.present = std::move(present);
  return count > 0 && count < rows;
}

Status read_vectors(ByteReader& in, FieldForm form, PutField& field, DecodedOperation& out) {
  const size_t rows = field.vectors.count;
  const uint64_t row_bytes = vector_bytes(field.vectors.element, field.vectors.dim);
  std::span<const std::byte> vectors;
  if (form == FieldForm::kEvery) {
    if (!in.bytes(rows * row_bytes, vectors)) return bad("too few vectors");
    field.vectors.data = vectors.data();
    return {};
  }
  if (!read_present(in, static_cast<uint32_t>(rows), field)) {
    return bad("an unlikely choice of the points that have a vector");
  }
  if (!in.bytes(field.present->count() * row_bytes, vectors)) return bad("too few vectors");
  if (rows > kMaxBatchBytes / row_bytes) return bad("more points than fit a batch");
  std::vector<std::byte>& spread = out.spread.emplace_back(rows * row_bytes);
  size_t next = 0;
  field.present->for_each_set([&](size_t row) {
    std::memcpy(spread.data() + row * row_bytes, vectors.data() + next, row_bytes);
    next += row_bytes;
  });
  field.vectors.data = spread.data();
  return {};
}

Status read_put(ByteReader& in, uint32_t collection_id, DecodedOperation& out) {
  PutOperation put;
  put.collection_id = collection_id;
  uint16_t fields = 0;
  if (!in.u32(put.rows) || !in.u16(fields)) return bad("a cut header");
  if (fields == 0 || fields > kMaxVectorFields) return bad("an unlikely number of vector fields");
  out.fields.resize(fields);
  std::vector<FieldForm> forms(fields);
  for (size_t f = 0; f < fields; ++f) {
    if (!read_field_header(in, put.rows, out.fields[f], forms[f])) {
      return bad("vectors of an unknown shape");
    }
  }
  OMEN_RETURN_IF_ERROR(read_ids(in, put.rows, out, put.ids, put.first_id));
  for (size_t f = 0; f < fields; ++f) {
    OMEN_RETURN_IF_ERROR(read_vectors(in, forms[f], out.fields[f], out));
  }
  put.fields = out.fields;
  uint32_t columns = 0;
  if (!in.u32(columns) || columns > kMaxColumns) return bad("no columns");
  out.columns.resize(columns);
  for (Column& column : out.columns) {
    if (!read_column(in, column)) return bad("a malformed column");
  }
  if (!in.done()) return bad("bytes past its end");
  put.columns = out.columns;
  out.operation = put;
  return {};
}

Status read_delete(ByteReader& in, uint32_t collection_id, DecodedOperation& out) {
  DeleteOperation erase;
  erase.collection_id = collection_id;
  uint32_t rows = 0;
  uint64_t unused_first_id = 0;
  if (!in.u32(rows)) return bad("a cut header");
  OMEN_RETURN_IF_ERROR(read_ids(in, rows, out, erase.ids, unused_first_id));
  if (std::holds_alternative<std::monostate>(erase.ids)) return bad("a delete without ids");
  if (!in.done()) return bad("bytes past its end");
  out.operation = erase;
  return {};
}

/// Reads a field of a create operation. check_fields() checks its values.
bool read_field(ByteReader& in, segment::Field& field) {
  uint16_t id = 0;
  uint8_t kind = 0;
  uint8_t metric = 0;
  uint8_t element = 0;
  uint64_t dim = 0;
  if (!in.u16(id) || !in.u8(kind) || !in.string(field.name) || !in.varint(dim) || !in.u8(metric) ||
      !in.u8(element) || kind != kDenseField) {
    return false;
  }
  field.id = FieldId{id};
  field.spec = {dim, static_cast<Metric>(metric), static_cast<Element>(element)};
  return true;
}

Status read_create(ByteReader& in, uint32_t collection_id, DecodedOperation& out) {
  CreateOperation create;
  create.collection_id = collection_id;
  uint64_t count = 0;
  if (!in.string(create.name) || !in.varint(count)) return bad("a cut header");
  if (count > kMaxVectorFields) return bad("an unlikely number of vector fields");
  for (uint64_t i = 0; i < count; ++i) {
    if (!read_field(in, create.fields.emplace_back())) return bad("a cut vector field");
  }
  if (!check_collection_name(create.name).ok() || !check_fields(create.fields).ok()) {
    return bad("a collection whose name or fields are not valid");
  }
  if (!in.done()) return bad("bytes past its end");
  out.operation = std::move(create);
  return {};
}

Status read_alter(ByteReader& in, uint32_t collection_id, DecodedOperation& out) {
  AlterOperation alter;
  alter.collection_id = collection_id;
  uint8_t kind = 0;
  if (!in.u8(kind) || !in.string(alter.change.column)) return bad("a cut header");
  alter.change.kind = static_cast<Alteration::Kind>(kind);
  switch (alter.change.kind) {
    case Alteration::Kind::kRename:
      if (!in.string(alter.change.name)) return bad("no name");
      break;
    case Alteration::Kind::kDrop: break;
    default: return bad("a change of an unknown kind");
  }
  if (!in.done()) return bad("bytes past its end");
  out.operation = std::move(alter);
  return {};
}

}  // namespace

EncodedOperation::EncodedOperation(const PutOperation& put) {
  ByteWriter head(head_);
  head.u8(static_cast<uint8_t>(Kind::kPut));
  head.u32(put.collection_id);
  head.u32(put.rows);
  head.u16(static_cast<uint16_t>(std::ranges::count_if(put.fields, &PutField::any)));
  for (const PutField& field : put.fields) {
    if (!field.any()) continue;
    head.u16(to_int(field.id));
    head.u8(kDenseField);
    head.u8(static_cast<uint8_t>(field.vectors.element));
    head.u8(static_cast<uint8_t>(field.present == nullptr ? FieldForm::kEvery : FieldForm::kSome));
    head.u32(static_cast<uint32_t>(field.vectors.dim));
  }
  write_ids(head, put.ids, put.first_id);
  ByteWriter tail(tail_);
  tail.u32(static_cast<uint32_t>(put.columns.size()));
  for (const Column& column : put.columns) write_column(tail, column);

  parts_.push_back(head_);
  for (const PutField& field : put.fields) add_vectors(field);
  parts_.push_back(tail_);
}

void EncodedOperation::add_vectors(const PutField& field) {
  const VectorsView& vectors = field.vectors;
  if (!field.any()) return;
  const size_t row_bytes = vector_bytes(vectors.element, vectors.dim);
  if (field.present != nullptr) {
    parts_.push_back(std::as_bytes(field.present->words()).first((vectors.count + 7) / 8));
    field.present->for_each_set([&](size_t row) {
      parts_.push_back({vectors.row(row), row_bytes});
    });
    return;
  }
  if (vectors.row_stride() == row_bytes) {
    parts_.push_back({vectors.row(0), vectors.count * row_bytes});
    return;
  }
  for (size_t i = 0; i < vectors.count; ++i) parts_.push_back({vectors.row(i), row_bytes});
}

EncodedOperation::EncodedOperation(const DeleteOperation& erase) {
  ByteWriter head(head_);
  head.u8(static_cast<uint8_t>(Kind::kDelete));
  head.u32(erase.collection_id);
  head.u32(static_cast<uint32_t>(id_count(erase.ids)));
  write_ids(head, erase.ids, 0);
  parts_.push_back(head_);
}

EncodedOperation::EncodedOperation(const CreateOperation& create) {
  ByteWriter head(head_);
  head.u8(static_cast<uint8_t>(Kind::kCreate));
  head.u32(create.collection_id);
  head.string(create.name);
  head.varint(create.fields.size());
  for (const segment::Field& field : create.fields) {
    head.u16(to_int(field.id));
    head.u8(kDenseField);
    head.string(field.name);
    head.varint(field.spec.dim);
    head.u8(static_cast<uint8_t>(field.spec.metric));
    head.u8(static_cast<uint8_t>(field.spec.element));
  }
  parts_.push_back(head_);
}

EncodedOperation::EncodedOperation(const DropOperation& drop) {
  ByteWriter head(head_);
  head.u8(static_cast<uint8_t>(Kind::kDrop));
  head.u32(drop.collection_id);
  parts_.push_back(head_);
}

EncodedOperation::EncodedOperation(const AlterOperation& alter) {
  ByteWriter head(head_);
  head.u8(static_cast<uint8_t>(Kind::kAlter));
  head.u32(alter.collection_id);
  head.u8(static_cast<uint8_t>(alter.change.kind));
  head.string(alter.change.column);
  if (alter.change.kind == Alteration::Kind::kRename) head.string(alter.change.name);
  parts_.push_back(head_);
}

bool is_catalogue_operation(std::span<const std::byte> record) {
  if (record.empty()) return false;
  const auto kind = static_cast<Kind>(record.front());
  return kind == Kind::kCreate || kind == Kind::kDrop;
}

Result<uint32_t> operation_collection(std::span<const std::byte> record) {
  ByteReader in(record);
  uint8_t kind = 0;
  uint32_t collection_id = 0;
  if (!in.u8(kind) || !in.u32(collection_id)) return bad("no operation");
  return collection_id;
}

Status decode_operation(std::span<const std::byte> record, DecodedOperation& out) {
  ByteReader in(record);
  uint8_t kind = 0;
  uint32_t collection_id = 0;
  if (!in.u8(kind) || !in.u32(collection_id)) return bad("no operation");
  switch (static_cast<Kind>(kind)) {
    case Kind::kPut: return read_put(in, collection_id, out);
    case Kind::kDelete: return read_delete(in, collection_id, out);
    case Kind::kCreate: return read_create(in, collection_id, out);
    case Kind::kAlter: return read_alter(in, collection_id, out);
    case Kind::kDrop:
      if (!in.done()) return bad("bytes past its end");
      out.operation = DropOperation{collection_id};
      return {};
  }
  return bad("an operation of an unknown kind");
}

}  // namespace omendb::collection
