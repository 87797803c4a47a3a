// A segment file whose checksums hold and whose column sections are anything: it is refused or
// read, and never read past its ends. Input: pieces of [section, column, length u16, bytes].
#include <cstring>
#include <numeric>
#include <set>

#include "column/columns.h"
#include "column/format.h"

namespace omendb::column {
namespace {

constexpr uint32_t kRows = 40;

void write_sections(storage::SectionFileWriter& out, std::span<const uint8_t> input) {
  std::set<std::pair<uint8_t, uint8_t>> seen;
  while (input.size() >= 4) {
    const auto section = static_cast<ColumnSection>(100 + input[0] % 6);
    const uint8_t column = section == ColumnSection::kDirectory ? 0 : input[1] % 4;
    const size_t wanted = input[2] + size_t{256} * input[3];
    input = input.subspan(4);
    const auto bytes = std::as_bytes(input.first(std::min(wanted, input.size())));
    input = input.subspan(bytes.size());
    if (!seen.emplace(static_cast<uint8_t>(section), column).second) continue;
    (void)(out.begin(key(section, column)).ok() && out.append(bytes).ok() && out.end().ok());
  }
}

void read_everything(const SealedColumns& columns) {
  std::vector<uint32_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0);
  for (const ColumnSchema& column : columns.schema()) {
    const ColumnReader* reader = columns.find(column.id);
    ColumnBatch batch;
    if (reader->read(0, kRows, batch).ok()) {
      size_t sum = 0;
      for (const std::string_view text : batch.strings) sum += text.empty() ? 0 : text.back();
      for (const int64_t value : batch.ints) sum += static_cast<size_t>(value);
      for (const uint8_t value : batch.bools) sum += value;
      asm volatile("" : : "r"(sum));  // the reads above happen
    }
    Column out{.name = column.name, .type = column.type};
    reader->gather(rows, out).ignore();
  }
}

}  // namespace
}  // namespace omendb::column

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace omendb;
  auto env = storage::Env::in_memory();
  auto writer = storage::SectionFileWriter::create(env, "f", 1);
  if (!writer.ok()) return 0;
  column::write_sections(**writer, {data, size});
  if (!(*writer)->finish().ok()) return 0;
  const auto file = storage::SectionFile::open(env, "f", 1);
  if (!file.ok()) return 0;
  const auto columns = column::SealedColumns::open(*file, column::kRows);
  if (columns.ok()) column::read_everything(**columns);
  return 0;
}
