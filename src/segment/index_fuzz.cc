// An index file whose checksums hold and whose sections are anything: it is refused, or searched
// without a read past its ends. Input: options, then pieces of [section, length u16, bytes] that
// are laid over the sections of a good index.
#include <cstring>
#include <map>
#include <vector>

#include "base/check.h"
#include "index/coded_index.h"
#include "index/coded_scan.h"
#include "segment/memtable.h"
#include "segment/sealed_index.h"
#include "segment/segment_writer.h"

namespace omendb::segment {
namespace {

constexpr uint32_t kRows = 40;
constexpr size_t kDim = 9;

std::shared_ptr<const Segment> make_segment(const std::shared_ptr<storage::Env>& env,
                                            const Fields& fields) {
  auto memtable = std::make_shared<Memtable>(fields, IdKind::kU64, kRows, Encoders{});
  const std::vector<float> values(kRows * kDim, 1.0F);
  const uint32_t first = memtable->reserve_sequence(0, {}, {}, kRows);
  memtable->publish(first, kRows, memtable->fill(first, 0, {values.data(), kRows, kDim}));
  const WriteSource source{memtable->view(kRows), nullptr};
  const auto written =
      write_segment(env, "s", fields, IdKind::kU64, column::Schema(), std::span(&source, 1));
  OMEN_CHECK(written.ok());
  return written->segment;
}

using Sections = std::map<storage::SectionKey, std::vector<std::byte>>;

void overlay(Sections& sections, std::span<const uint8_t> input) {
  static constexpr SectionKind kKinds[] = {SectionKind::kIndexHeader, SectionKind::kCenter,
                                           SectionKind::kCodes, SectionKind::kIds};
  while (input.size() >= 4) {
    std::vector<std::byte>& section = sections[key(kKinds[input[0] % 4])];
    const bool resize = (input[0] & 64) != 0;
    const size_t offset = input[1] * size_t{4};
    const size_t wanted = input[2] + size_t{256} * (input[3] % 4);
    input = input.subspan(4);
    const auto bytes = std::as_bytes(input.first(std::min(wanted, input.size())));
    input = input.subspan(bytes.size());
    if (resize) section.resize(offset + bytes.size());
    for (size_t i = 0; i < bytes.size() && offset + i < section.size(); ++i) {
      section[offset + i] = bytes[i];
    }
  }
}

void search(const SealedIndex& index) {
  const auto& codes = dynamic_cast<const index::CodedIndex&>(index.searcher()).codes();
  const std::vector<float> query(kDim, 1.0F);
  index::CandidateQueue queue(10);
  const auto prepared = codes.encoder().prepare(query.data());
  const auto blocks = codes.blocks();
  OMEN_CHECK(blocks.ok() && codes.rows() == kRows);
  index::coded_scan(prepared, {*blocks, codes.rows(), 0, 0, nullptr}, queue);
  for (const index::Candidate& candidate : queue.sorted()) OMEN_CHECK(candidate.slot < kRows);
}

}  // namespace
}  // namespace omendb::segment

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace omendb;
  using namespace omendb::segment;
  if (size == 0) return 0;
  const auto env = storage::Env::in_memory();
  const Metric metric = data[0] % 2 == 0 ? Metric::kL2 : Metric::kCosine;
  const Fields fields = unnamed_field({kDim, metric, Element::kF32});
  const auto segment = make_segment(env, fields);
  JobControl control;
  const IndexedRows of{*segment, fields[0], 0};
  const auto meta = write_index(env, "good", IndexKind::kCoded, of, control);
  OMEN_CHECK(meta.ok());
  Sections sections;
  {
    const auto good = storage::SectionFile::open(env, "good", kIndexFileKind);
    for (const SectionKind kind :
         {SectionKind::kIndexHeader, SectionKind::kCenter, SectionKind::kCodes}) {
      const auto bytes = (*good)->section(key(kind))->bytes();
      sections[key(kind)].assign(bytes->begin(), bytes->end());
    }
  }
  overlay(sections, {data + 1, size - 1});
  auto writer = storage::SectionFileWriter::create(env, "f", kIndexFileKind);
  for (const auto& [section, bytes] : sections) {
    OMEN_CHECK((*writer)->begin(section).ok() && (*writer)->append(bytes).ok() &&
               (*writer)->end().ok());
  }
  OMEN_CHECK((*writer)->finish().ok());
  const auto opened = SealedIndex::open(env, "f", *meta, of);
  if (opened.ok()) search(**opened);
  return 0;
}
