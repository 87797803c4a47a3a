// Any bytes as a manifest: an error, or a manifest that encodes to the same meaning.
#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "storage/manifest.h"

namespace omendb::storage {
namespace {

void try_decode(std::span<const std::byte> bytes) {
  const auto manifest = decode_manifest(bytes, "MANIFEST");
  if (!manifest.ok()) return;
  const auto again = decode_manifest(encode_manifest(*manifest), "MANIFEST");
  OMEN_CHECK(again.ok() && *again == *manifest);
}

// The input as a payload whose header and checksum are right.
std::vector<std::byte> framed(std::span<const std::byte> payload) {
  std::vector<std::byte> file;
  ByteWriter out(file);
  out.bytes(as_bytes(std::string_view("OMENDB\0M", 8)));
  out.u32(1);
  out.u32(0);
  out.u64(payload.size());
  out.bytes(payload);
  out.u32(crc32c::of(file));
  return file;
}

}  // namespace
}  // namespace omendb::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  omendb::storage::try_decode(bytes);
  omendb::storage::try_decode(omendb::storage::framed(bytes));
  return 0;
}
