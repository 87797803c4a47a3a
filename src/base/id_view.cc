#include "base/id_view.h"

namespace omendb {

IdView id_at(const IdsView& ids, size_t i) {
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) return (*numbers)[i];
  return std::get<std::span<const std::string_view>>(ids)[i];
}

size_t id_count(const IdsView& ids) {
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) return numbers->size();
  if (const auto* strings = std::get_if<std::span<const std::string_view>>(&ids)) {
    return strings->size();
  }
  return 0;
}

Ids owned(const IdsView& ids) {
  if (const auto* numbers = std::get_if<std::span<const uint64_t>>(&ids)) {
    return std::vector<uint64_t>(numbers->begin(), numbers->end());
  }
  if (const auto* strings = std::get_if<std::span<const std::string_view>>(&ids)) {
    return std::vector<std::string>(strings->begin(), strings->end());
  }
  return {};
}

IdsView view_of(const Ids& ids, std::vector<std::string_view>& views) {
  if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&ids)) {
    return std::span<const uint64_t>(*numbers);
  }
  const auto& strings = std::get<std::vector<std::string>>(ids);
  views.assign(strings.begin(), strings.end());
  return std::span<const std::string_view>(views);
}

std::string describe(const IdView& id) {
  if (const auto* number = std::get_if<uint64_t>(&id)) return std::to_string(*number);
  return '"' + std::string(std::get<std::string_view>(id)) + '"';
}

}  // namespace omendb
