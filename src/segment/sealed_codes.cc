#include "segment/sealed_codes.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/bitmap.h"
#include "base/status_macros.h"
#include "index/coded_index.h"
#include "segment/center.h"
#include "segment/index_sections.h"
#include "segment/segment_format.h"

namespace omendb::segment {

namespace {

constexpr uint32_t kRowsPerStep = 1'024;
constexpr uint32_t kMaxCenterSample = 16'384;
constexpr uint32_t kBlock = codec::rabitq::kBlockRows;
static_assert(kRowsPerStep % kBlock == 0);

/// The codes of a mapped index file.
class MappedCodes final : public index::Codes {
 public:
  MappedCodes(std::shared_ptr<const storage::SectionFile> file, storage::Section codes,
              std::shared_ptr<const codec::rabitq::Encoder> encoder, uint32_t rows)
      : file_(std::move(file)),
        codes_(std::move(codes)),
        encoder_(std::move(encoder)),
        rows_(rows) {}

  uint32_t rows() const override { return rows_; }
  const codec::rabitq::Encoder& encoder() const override { return *encoder_; }
  Result<const std::byte*> blocks() const override {
    const auto bytes = codes_.bytes();
    if (bytes.ok()) return bytes->data();
    damaged_.store(true, std::memory_order_relaxed);
    return bytes.status();
  }
  bool sound() const override {
    if (damaged_.load(std::memory_order_relaxed)) return false;
    if (file_->check().ok()) return true;
    damaged_.store(true, std::memory_order_relaxed);  // stays so, even if the file becomes sound
    return false;
  }
  std::shared_ptr<const codec::rabitq::Encoder> shared_encoder() const { return encoder_; }

 private:
  const std::shared_ptr<const storage::SectionFile> file_;
  const storage::Section codes_;
  const std::shared_ptr<const codec::rabitq::Encoder> encoder_;
  const uint32_t rows_;
  mutable std::atomic<bool> damaged_{false};
};

class SealedCodes final : public SealedIndex {
 public:
  SealedCodes(std::shared_ptr<const storage::SectionFile> file, storage::Section codes,
              std::shared_ptr<const codec::rabitq::Encoder> encoder, uint32_t rows)
      : SealedIndex(file), codes_(std::move(file), std::move(codes), std::move(encoder), rows) {}

  const index::PartIndex& searcher() const override { return searcher_; }
  std::shared_ptr<const codec::rabitq::Encoder> encoder() const override {
    return codes_.shared_encoder();
  }

 private:
  const MappedCodes codes_;
  const index::CodedIndex searcher_{codes_};
};

Result<std::vector<float>> read_center(const storage::SectionFile& file, size_t dim) {
  OMEN_ASSIGN_OR_RETURN(const auto section, file.section(key(SectionKind::kCenter)));
  OMEN_ASSIGN_OR_RETURN(const auto bytes, section.bytes());
  if (bytes.size() != dim * sizeof(float)) {
    return corrupt(file, "the center has " + std::to_string(bytes.size()) +
                             " bytes; expected those of " + std::to_string(dim) + " dimensions");
  }
  std::vector<float> center(dim);
  std::memcpy(center.data(), bytes.data(), bytes.size());
  if (!std::ranges::all_of(center, [](float x) { return std::isfinite(x); })) {
    return corrupt(file, "the center holds a number that is not finite");
  }
  return center;
}

/// The mean of vectors that are evenly drawn.
Result<std::vector<float>> choose_center(const IndexedRows& of, const Bitmap& present,
                                         JobControl& control) {
  CenterSum sum(of.field.spec);
  const size_t stride = std::max<size_t>(1, present.count() / kMaxCenterSample);
  size_t seen = 0;
  for (uint32_t row = 0; row < of.segment.rows(); ++row) {
    if (!present.test(row) || seen++ % stride != 0) continue;
    const std::byte* place = nullptr;
    OMEN_RETURN_IF_ERROR(of.rows().locate(std::span(&row, 1), &place));
    sum.add(place);
    if (seen % kRowsPerStep == 0) OMEN_RETURN_IF_ERROR(control.proceed(0));
  }
  return sum.mean();
}

}  // namespace

Result<std::shared_ptr<const SealedIndex>> open_codes(
    std::shared_ptr<const storage::SectionFile> file, const IndexedRows& of) {
  const VectorSpec& spec = of.field.spec;
  OMEN_ASSIGN_OR_RETURN(const std::vector<float> center, read_center(*file, spec.dim));
  OMEN_ASSIGN_OR_RETURN(auto codes, file->section(key(SectionKind::kCodes)));
  if (codes.size() != codec::rabitq::coded_bytes(spec.dim, of.segment.rows())) {
    return corrupt(*file, "the codes have " + std::to_string(codes.size()) +
                              " bytes; expected those of " + std::to_string(of.segment.rows()) +
                              " rows");
  }
  return std::shared_ptr<const SealedIndex>(std::make_shared<SealedCodes>(
      std::move(file), std::move(codes), make_encoder(spec, center), of.segment.rows()));
}

Status write_codes(storage::SectionFileWriter& out, const IndexedRows& of, JobControl& control) {
  const VectorSpec& spec = of.field.spec;
  const size_t row_bytes = spec.row_bytes();
  Bitmap present(of.segment.rows(), true);
  OMEN_RETURN_IF_ERROR(of.rows().clear_absent(present.words()));
  OMEN_ASSIGN_OR_RETURN(const std::vector<float> center, choose_center(of, present, control));
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kCenter)));
  OMEN_RETURN_IF_ERROR(out.append(std::as_bytes(std::span(center))));
  OMEN_RETURN_IF_ERROR(out.end());

  const std::shared_ptr<const codec::rabitq::Encoder> encoder = make_encoder(spec, center);
  std::vector<std::byte> codes(codec::rabitq::coded_bytes(spec.dim, kRowsPerStep));
  OMEN_RETURN_IF_ERROR(out.begin(key(SectionKind::kCodes)));
  for (uint32_t first = 0; first < of.segment.rows(); first += kRowsPerStep) {
    const uint32_t rows = std::min(kRowsPerStep, of.segment.rows() - first);
    OMEN_ASSIGN_OR_RETURN(const RowRun run, of.rows().vectors(first, rows));
    for (uint32_t i = 0; i < rows; i += kBlock) {
      std::byte* const block = codes.data() + i / kBlock * encoder->block_bytes();
      const uint32_t lanes = std::min(kBlock, rows - i);
      encoder->encode_block(run.rows + i * row_bytes, row_bytes, lanes, block);
      for (uint32_t lane = 0; lane < lanes; ++lane) {
        if (!present.test(first + i + lane)) encoder->clear_lane(block, lane);
      }
    }
    const size_t bytes = codec::rabitq::coded_bytes(spec.dim, rows);
    OMEN_RETURN_IF_ERROR(out.append(std::span(codes).first(bytes)));
    OMEN_RETURN_IF_ERROR(control.proceed(rows));
  }
  return out.end();
}

}  // namespace omendb::segment
