#include "segment/growing_ids.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "base/check.h"

namespace omendb::segment {

namespace {

constexpr size_t kArenaBlockBytes = 64 << 10;

uint64_t mix(uint64_t x) {  // the finaliser of MurmurHash3: sequential ids spread over the table
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

uint64_t hash_id(uint64_t id) {
  return mix(id);
}
uint64_t hash_id(std::string_view id) {
  return mix(std::hash<std::string_view>{}(id));
}

}  // namespace

GrowingIds::GrowingIds(IdKind kind, uint32_t capacity)
    : kind_(kind),
      capacity_(capacity),
      older_(std::make_unique_for_overwrite<uint32_t[]>(capacity)) {
  if (kind == IdKind::kU64) {
    u64_ = std::make_unique_for_overwrite<uint64_t[]>(capacity);
  } else {
    strings_ = std::make_unique_for_overwrite<StringRef[]>(capacity);
  }
}

void GrowingIds::append(const IdsView& ids) {
  const uint32_t first = size_;
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) {
    OMEN_CHECK(kind_ == IdKind::kU64 && numbers->size() <= capacity_ - size_);
    std::copy(numbers->begin(), numbers->end(), u64_.get() + size_);
    size_ += static_cast<uint32_t>(numbers->size());
  } else {
    const auto& strings = std::get<std::span<const std::string_view>>(ids);
    OMEN_CHECK(kind_ == IdKind::kString && strings.size() <= capacity_ - size_);
    for (std::string_view id : strings) store_string(id);
  }
  MutexLock lock(mutex_);
  index_new_rows(first);
}

void GrowingIds::append_sequence(uint64_t first_id, uint32_t count) {
  OMEN_CHECK(kind_ == IdKind::kU64 && count <= capacity_ - size_);
  const uint32_t first = size_;
  for (uint32_t i = 0; i < count; ++i) u64_[first + i] = first_id + i;
  size_ += count;
  MutexLock lock(mutex_);
  index_new_rows(first);
}

void GrowingIds::store_string(std::string_view id) {
  if (id.size() > arena_left_) {
    const size_t bytes = std::max(kArenaBlockBytes, id.size());
    arena_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    arena_left_ = bytes;
  }
  // A block is filled from its end, so that what is left is also where the next id ends.
  char* place = arena_.back().get() + (arena_left_ - id.size());
  std::memcpy(place, id.data(), id.size());
  arena_left_ -= id.size();
  strings_[size_++] = {place, static_cast<uint32_t>(id.size())};
}

template <>
uint64_t GrowingIds::value<uint64_t>(uint32_t slot) const {
  return u64_[slot];
}

template <>
std::string_view GrowingIds::value<std::string_view>(uint32_t slot) const {
  return {strings_[slot].data, strings_[slot].size};
}

IdView GrowingIds::at(uint32_t slot) const {
  if (kind_ == IdKind::kU64) return value<uint64_t>(slot);
  return value<std::string_view>(slot);
}

template <class Id>
size_t GrowingIds::probe(Id id) const {
  const size_t mask = table_.size() - 1;
  size_t place = hash_id(id) & mask;
  while (table_[place] != kNone && value<Id>(table_[place]) != id) place = (place + 1) & mask;
  return place;
}

void GrowingIds::grow_table(uint32_t rows) {
  // At most half full after `rows` distinct ids.
  const size_t wanted = std::bit_ceil(std::max<size_t>(64, size_t{rows} * 2));
  if (wanted <= table_.size()) return;
  std::vector<uint32_t> old(wanted, kNone);
  old.swap(table_);
  for (uint32_t slot : old) {
    if (slot == kNone) continue;
    const size_t place =
        kind_ == IdKind::kU64 ? probe(value<uint64_t>(slot)) : probe(value<std::string_view>(slot));
    table_[place] = slot;
  }
}

template <class Id>
void GrowingIds::add_to_table(uint32_t first) {
  for (uint32_t slot = first; slot < size_; ++slot) {
    uint32_t& entry = table_[probe(value<Id>(slot))];
    older_[slot] = entry;
    if (entry == kNone) ++table_used_;
    entry = slot;
  }
}

void GrowingIds::index_new_rows(uint32_t first) {
  if (first == size_ || add_to_runs(first)) return;
  grow_table(table_used_ + (size_ - first));
  if (kind_ == IdKind::kU64) {
    add_to_table<uint64_t>(first);
  } else {
    add_to_table<std::string_view>(first);
  }
}

bool GrowingIds::add_to_runs(uint32_t first) {
  if (kind_ != IdKind::kU64) return false;
  const std::span<const uint64_t> ids(u64_.get() + first, size_ - first);
  const bool past_all = first == 0 || ids.front() > largest_;
  largest_ = std::max(largest_, *std::ranges::max_element(ids));
  const bool rise = std::ranges::adjacent_find(ids, std::greater_equal<>()) == ids.end();
  if (!past_all || !rise) return false;
  if (!runs_.empty() && runs_.back().end == first) {
    runs_.back().end = size_;
  } else {
    runs_.push_back({first, size_});
  }
  return true;
}

uint32_t GrowingIds::find_in_runs(uint64_t id) const {
  const auto after =
      std::ranges::upper_bound(runs_, id, {}, [this](const Run& run) { return u64_[run.first]; });
  if (after == runs_.begin()) return kNone;
  const Run run = *std::prev(after);
  const std::span<const uint64_t> ids(u64_.get() + run.first, run.end - run.first);
  // Usually the ids are consecutive; then the place is known.
  const uint64_t offset = id - ids.front();
  if (offset < ids.size() && ids[offset] == id) return run.first + static_cast<uint32_t>(offset);
  const auto found = std::ranges::lower_bound(ids, id);
  if (found == ids.end() || *found != id) return kNone;
  return run.first + static_cast<uint32_t>(found - ids.begin());
}

std::optional<uint32_t> GrowingIds::find(const IdView& id, uint32_t watermark) const {
  const auto* number = std::get_if<uint64_t>(&id);
  if ((number != nullptr) != (kind_ == IdKind::kU64)) return std::nullopt;
  MutexLock lock(mutex_);
  uint32_t slot = kNone;
  if (!table_.empty()) {
    slot = table_[number != nullptr ? probe(*number) : probe(std::get<std::string_view>(id))];
    while (slot != kNone && slot >= watermark) slot = older_[slot];
  }
  // An id in a run was new when the run was appended, so a row of it in the table is newer than the
  // run. Look in the table first.
  if (slot == kNone && number != nullptr) slot = find_in_runs(*number);
  if (slot == kNone || slot >= watermark) return std::nullopt;
  return slot;
}

}  // namespace omendb::segment
