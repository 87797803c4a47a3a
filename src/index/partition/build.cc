#include "index/partition/build.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "base/bitmap.h"
#include "base/status_macros.h"
#include "base/stop.h"
#include "distance/convert.h"
#include "index/exact_index.h"
#include "index/gathered.h"
#include "index/partition/trace.h"

namespace omendb::index::partition {

namespace rabitq = codec::rabitq;

namespace {

constexpr uint32_t kRowsPerStep = 1'024;
constexpr size_t kSamplesACell = 64;
constexpr size_t kHeldOut = 256;  // rows that calibration searches for

/// The rows of one build, and where they lie.
class Builder {
 public:
  Builder(const Rows& rows, const BuildOptions& options, JobControl& control)
      : rows_(rows),
        options_(options),
        control_(control),
        row_bytes_(vector_bytes(options.element, options.dim)),
        present_(rows.rows(), true),
        random_(options.seed) {}

  Result<std::unique_ptr<BuiltCells>> run();

 private:
  /// Calls visit(slot, row) for each row that has a vector, in order.
  template <class Visit>
  Status each_row(uint64_t progress, Visit visit);
  Result<Space> measure_rows();
  std::vector<uint32_t> draw(size_t n);
  Status place(std::span<const uint32_t> slots, const Space& space, float* points) const;
  Result<Points> train_centers(const Space& space, size_t cells);
  Result<Homes> file_rows(const Space& space, const Points& centers);
  Result<std::unique_ptr<BuiltCells>> encode(const Space& space, Points centers,
                                             const Homes& homes);
  Result<Calibration> calibrate_cells(const BuiltCells& cells, const Homes& homes);
  Result<std::vector<Gathered>> search_exactly(const VectorsView& queries) const;

  const Rows& rows_;
  const BuildOptions& options_;
  JobControl& control_;
  const size_t row_bytes_;
  Bitmap present_;
  std::vector<uint32_t> slots_;  // of present rows
  std::mt19937_64 random_;
};

template <class Visit>
Status Builder::each_row(uint64_t progress, Visit visit) {
  for (uint32_t first = 0; first < rows_.rows(); first += kRowsPerStep) {
    const uint32_t n = std::min(kRowsPerStep, rows_.rows() - first);
    OMEN_ASSIGN_OR_RETURN(const RowRun run, rows_.vectors(first, n));
    for (uint32_t i = 0; i < n; ++i) {
      if (present_.test(first + i)) visit(first + i, run.rows + i * row_bytes_);
    }
    OMEN_RETURN_IF_ERROR(control_.proceed(progress * n));
  }
  return {};
}

/// Finds the longest row, and lists those that are there.
Result<Space> Builder::measure_rows() {
  OMEN_RETURN_IF_ERROR(rows_.clear_absent(present_.words()));
  std::vector<float> values(options_.dim);
  double most = 0;
  OMEN_RETURN_IF_ERROR(each_row(0, [&](uint32_t slot, const std::byte* row) {
    slots_.push_back(slot);
    distance::to_f32(options_.element, row, options_.dim, values.data());
    double squares = 0;
    for (const float x : values) squares += static_cast<double>(x) * static_cast<double>(x);
    most = std::max(most, squares);
  }));
  if (slots_.size() < kLeastRows) {
    return Status(StatusCode::kInvalidArgument, std::to_string(slots_.size()) +
                                                    " rows have a vector; partitions need " +
                                                    std::to_string(kLeastRows));
  }
  const double longest = std::sqrt(most);
  if (longest > static_cast<double>(codec::CellEncoder::kMostLength)) {
    return Status(StatusCode::kInvalidArgument,
                  "a row is " + std::to_string(longest) + " long; rows in partitions are at most " +
                      std::to_string(codec::CellEncoder::kMostLength));
  }
  return Space(options_.metric, options_.element, options_.dim, static_cast<float>(longest));
}

/// `n` different slots, or all.
std::vector<uint32_t> Builder::draw(size_t n) {
  std::vector<uint32_t> drawn = slots_;
  n = std::min(n, drawn.size());
  for (size_t i = 0; i < n; ++i) std::swap(drawn[i], drawn[i + random_() % (drawn.size() - i)]);
  drawn.resize(n);
  return drawn;
}

Status Builder::place(std::span<const uint32_t> slots, const Space& space, float* points) const {
  std::array<const std::byte*, rabitq::kBlockRows> at;
  for (size_t i = 0; i < slots.size(); i += at.size()) {
    const auto some = slots.subspan(i, std::min(at.size(), slots.size() - i));
    OMEN_RETURN_IF_ERROR(rows_.locate(some, at.data()));
    for (size_t v = 0; v < some.size(); ++v) {
      space.place_row(at[v], points + (i + v) * space.dim());
    }
  }
  return {};
}

Result<Points> Builder::train_centers(const Space& space, size_t cells) {
  const size_t affordable = options_.sample_bytes / (space.dim() * sizeof(float));
  std::vector<uint32_t> slots = draw(std::max(cells, std::min(cells * kSamplesACell, affordable)));
  std::ranges::sort(slots);
  Points sample{space.dim(), std::vector<float>(slots.size() * space.dim())};
  OMEN_RETURN_IF_ERROR(place(slots, space, sample.values.data()));
  return train(sample, {cells, options_.seed}, control_);
}

Result<Homes> Builder::file_rows(const Space& space, const Points& centers) {
  Homes homes;
  homes.first.assign(rows_.rows(), Layout::kNoCell);
  if (options_.spill) homes.second = homes.first;
  Points points{space.dim(), std::vector<float>(kRowsPerStep * space.dim())};
  std::vector<uint32_t> slots;
  std::array<uint32_t, kRowsPerStep> first;
  std::array<uint32_t, kRowsPerStep> second;
  const auto flush = [&] {
    assign(centers, points.values.data(), slots.size(), first.data(),
           options_.spill ? second.data() : nullptr);
    for (size_t i = 0; i < slots.size(); ++i) {
      homes.first[slots[i]] = first[i];
      if (options_.spill) homes.second[slots[i]] = second[i];
    }
    slots.clear();
  };
  OMEN_RETURN_IF_ERROR(each_row(1, [&](uint32_t slot, const std::byte* row) {
    space.place_row(row, points.at(slots.size()));
    slots.push_back(slot);
    if (slots.size() == kRowsPerStep) flush();
  }));
  if (!slots.empty()) flush();
  return homes;
}

std::vector<float> mean(const Points& points) {
  std::vector<double> sums(points.dim, 0.0);
  for (size_t i = 0; i < points.count(); ++i) {
    for (size_t d = 0; d < points.dim; ++d) sums[d] += static_cast<double>(points.at(i)[d]);
  }
  std::vector<float> out;
  out.reserve(sums.size());
  for (const double sum : sums) {
    out.push_back(static_cast<float>(sum / static_cast<double>(points.count())));
  }
  return out;
}

Result<std::unique_ptr<BuiltCells>> Builder::encode(const Space& space, Points centers,
                                                    const Homes& homes) {
  const Layout layout(homes, centers.count());
  auto arrays = std::make_unique<BuiltCells::Arrays>();
  arrays->origin = mean(centers);
  arrays->centers = std::move(centers);
  arrays->first_block.assign(layout.first_block().begin(), layout.first_block().end());
  const Frame frame(space,
                    {.centers = arrays->centers, .origin = arrays->origin, .seed = options_.seed});
  arrays->center_codes = frame.encode_centers();
  const codec::CellEncoder& encoder = frame.encoder();
  const size_t blocks = arrays->first_block.back();
  arrays->slots.assign(blocks * rabitq::kBlockRows, kNoSlot);
  arrays->codes.resize(blocks * encoder.block_bytes());
  codec::CellEncoder::Cell cell;
  std::vector<float> points(rabitq::kBlockRows * space.dim());
  for (size_t c = 0; c < layout.cells(); ++c) {
    encoder.enter(arrays->centers.at(c), cell);
    const std::span<const uint32_t> slots = layout.slots(c);
    for (size_t i = 0; i < slots.size(); i += rabitq::kBlockRows) {
      const auto some = slots.subspan(i, std::min(rabitq::kBlockRows, slots.size() - i));
      OMEN_RETURN_IF_ERROR(place(some, space, points.data()));
      const size_t block = arrays->first_block[c] + i / rabitq::kBlockRows;
      std::ranges::copy(some,
                        arrays->slots.begin() + static_cast<ptrdiff_t>(block * rabitq::kBlockRows));
      encoder.encode_block(cell, points.data(), space.dim(), some.size(),
                           arrays->codes.data() + block * encoder.block_bytes());
    }
    OMEN_RETURN_IF_ERROR(control_.proceed(0));
  }
  return std::make_unique<BuiltCells>(rows_.rows(), std::move(arrays), space, options_.seed,
                                      Calibration());
}

/// The nearest rows of each query, by measuring all.
Result<std::vector<Gathered>> Builder::search_exactly(const VectorsView& queries) const {
  const ExactIndex exact(rows_);
  const size_t k = Calibration::kNearest.back() + 1;  // with the row itself
  std::vector<Gathered> found(queries.count, Gathered(k, INFINITY));
  std::vector<Gathered*> out;
  out.reserve(found.size());
  for (Gathered& one : found) out.push_back(&one);
  const Stop never;
  PreparedQueries prepared(options_.metric, queries, never);
  for (uint32_t first = 0; first < rows_.rows(); first += kRowsPerStep * 16) {
    const uint32_t end = std::min(first + kRowsPerStep * 16, rows_.rows());
    const uint64_t* const mask = rows_.complete() ? nullptr : present_.words().data();
    OMEN_RETURN_IF_ERROR(exact.search(prepared, {0, first, end, mask, end - first}, out));
    OMEN_RETURN_IF_ERROR(control_.proceed(0));
  }
  return found;
}

Result<Calibration> Builder::calibrate_cells(const BuiltCells& cells, const Homes& homes) {
  const std::vector<uint32_t> held = draw(kHeldOut);
  std::vector<std::byte> rows(held.size() * row_bytes_);
  for (size_t i = 0; i < held.size(); ++i) {
    const std::byte* at = nullptr;
    OMEN_RETURN_IF_ERROR(rows_.locate(std::span(&held[i], 1), &at));
    std::memcpy(rows.data() + i * row_bytes_, at, row_bytes_);
  }
  const VectorsView queries{rows.data(), held.size(), options_.dim, options_.element, 0};
  OMEN_ASSIGN_OR_RETURN(std::vector<Gathered> found, search_exactly(queries));
  std::array<std::vector<Trace>, Calibration::kNearest.size()> traces;
  for (size_t i = 0; i < held.size(); ++i) {
    std::vector<uint32_t> nearest;
    for (const Hit& hit : found[i].take()) {
      if (hit.slot != held[i]) nearest.push_back(hit.slot);
    }
    PlacedQuery placed(cells.frame(), queries.row(i));
    OMEN_ASSIGN_OR_RETURN(Traces one, trace(cells, homes, placed, held[i], nearest));
    for (size_t k = 0; k < traces.size(); ++k) traces[k].push_back(std::move(one[k]));
    OMEN_RETURN_IF_ERROR(control_.proceed(0));
  }
  Calibration::Table table;
  for (size_t k = 0; k < traces.size(); ++k) table[k] = calibrate(traces[k]);
  return Calibration(table);
}

Result<std::unique_ptr<BuiltCells>> Builder::run() {
  OMEN_ASSIGN_OR_RETURN(const Space space, measure_rows());
  const size_t cells = options_.cells != 0 ? options_.cells : cells_for(slots_.size());
  OMEN_ASSIGN_OR_RETURN(Points centers, train_centers(space, cells));
  OMEN_ASSIGN_OR_RETURN(const Homes homes, file_rows(space, centers));
  OMEN_ASSIGN_OR_RETURN(auto built, encode(space, std::move(centers), homes));
  OMEN_ASSIGN_OR_RETURN(const Calibration calibration, calibrate_cells(*built, homes));
  return std::move(*built).calibrated(calibration);
}

}  // namespace

BuiltCells::BuiltCells(uint32_t rows, std::unique_ptr<const Arrays> arrays, const Space& space,
                       uint64_t seed, const Calibration& calibration)
    : rows_(rows),
      arrays_(std::move(arrays)),
      seed_(seed),
      frame_(space, {.centers = arrays_->centers,
                     .center_codes = arrays_->center_codes.data(),
                     .origin = arrays_->origin,
                     .seed = seed,
                     .calibration = calibration}) {}

std::unique_ptr<BuiltCells> BuiltCells::calibrated(const Calibration& calibration) && {
  return std::make_unique<BuiltCells>(rows_, std::move(arrays_), frame_.space(), seed_,
                                      calibration);
}

Result<CellRows> BuiltCells::cell(uint32_t number) const {
  const uint32_t first = arrays_->first_block[number];
  return CellRows{block(first), arrays_->slots.data() + first * rabitq::kBlockRows, first,
                  arrays_->first_block[number + 1] - first};
}

uint32_t BuiltCells::cell_of(uint32_t block) const {
  const std::vector<uint32_t>& first = arrays_->first_block;
  return static_cast<uint32_t>(std::ranges::upper_bound(first, block) - first.begin()) - 1;
}

const std::byte* BuiltCells::block(uint32_t number) const {
  return arrays_->codes.data() + number * frame_.encoder().block_bytes();
}

void BuiltCells::prefetch(uint32_t number) const {
  prefetch_codes(block(arrays_->first_block[number]));
}

size_t cells_for(uint64_t rows) {
  return std::max<size_t>(1, static_cast<size_t>(4 * std::sqrt(static_cast<double>(rows))));
}

uint64_t build_bytes(const BuildOptions& options, uint64_t rows) {
  const uint64_t copies = options.spill ? 2 : 1;
  const uint64_t point = (options.dim + 1) * sizeof(float);
  const uint64_t cells = options.cells != 0 ? options.cells : cells_for(rows);
  const uint64_t sample = std::min<uint64_t>(options.sample_bytes, cells * kSamplesACell * point);
  // By row: its slot in two lists while the sample is drawn, its cells, its slot by cell, its
  // codes, and lanes that stay empty in a cell's last block; of the sample, one large group once
  // more.
  const uint64_t code = rabitq::block_bytes(options.dim) / rabitq::kBlockRows + sizeof(uint32_t);
  const uint64_t lanes = rows * copies + cells * rabitq::kBlockRows;
  return sample + sample / 4 + rows * 8 * (1 + copies) + lanes * code + cells * point * 2;
}

Result<std::unique_ptr<BuiltCells>> build(const Rows& rows, const BuildOptions& options,
                                          JobControl& control) {
  return Builder(rows, options, control).run();
}

}  // namespace omendb::index::partition
