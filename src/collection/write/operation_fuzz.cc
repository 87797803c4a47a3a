// Decodes any bytes as a log record. They are refused, or they give an operation that is the same
// after encoding and decoding it again. Memory use stays within a small multiple of the record.
#include <algorithm>

#include "base/check.h"
#include "collection/write/operation.h"
#include "column/columns.h"

namespace omendb::collection {
namespace {

std::vector<std::byte> encoded(const DecodedOperation& decoded) {
  const auto encode = [](const auto& operation) {
    const EncodedOperation record(operation);
    std::vector<std::byte> bytes;
    for (const auto part : record.parts()) bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
  };
  return std::visit(encode, decoded.operation);
}

void check(std::span<const std::byte> record) {
  DecodedOperation decoded;
  const Status status = decode_operation(record, decoded);
  if (!status.ok()) {
    OMEN_CHECK(status.code() == StatusCode::kCorruption);
    return;
  }
  OMEN_CHECK(operation_collection(record).ok());
  const std::vector<std::byte> again = encoded(decoded);
  OMEN_CHECK(again.size() <= record.size());  // a varint may be longer than it needs to be
  DecodedOperation twice;
  OMEN_CHECK(decode_operation(again, twice).ok());
  OMEN_CHECK(encoded(twice) == again);
  if (const auto* put = std::get_if<PutOperation>(&decoded.operation)) {
    // The check that replay makes before it uses the columns' offsets.
    column::check_columns(put->columns, put->rows).ignore();
  }
}

}  // namespace
}  // namespace omendb::collection

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  omendb::collection::check(std::as_bytes(std::span(data, size)));
  return 0;
}
