#include "segment/byte_codes.h"

#include <mutex>

namespace omendb::segment {

ByteCodes::ByteCodes(const VectorSpec& spec, uint32_t capacity)
    : row_bytes_(spec.row_bytes()), capacity_(capacity) {
  if (spec.element != Element::kF32 || spec.dim == 0) return;
  const size_t code_bytes = codec::sq8::code_bytes(spec.dim);
  if (code_bytes > row_bytes_ / 2 || capacity > kMaxBytes / code_bytes) return;
  encoder_.emplace(codec::sq8::Encoder::Options{spec.metric, spec.element, spec.dim});
}

codec::sq8::Codes ByteCodes::of(const std::byte* vectors, uint32_t rows) {
  if (!useful()) return {};
  if (done_.load(std::memory_order_acquire) >= rows) return {&*encoder_, codes_.get()};
  const std::unique_lock making(mutex_, std::try_to_lock);
  if (!making.owns_lock()) return {};
  if (codes_ == nullptr) {
    codes_ = make_large_array<std::byte>(size_t{capacity_} * encoder_->code_bytes());
  }
  if (const uint32_t done = done_.load(std::memory_order_relaxed); done < rows) {
    encoder_->encode(vectors + size_t{done} * row_bytes_, row_bytes_, rows - done,
                     codes_.get() + size_t{done} * encoder_->code_bytes());
    done_.store(rows, std::memory_order_release);
  }
  return {&*encoder_, codes_.get()};
}

}  // namespace omendb::segment
