#include "schema.h"

#include <algorithm>
#include <initializer_list>
#include <unordered_map>

namespace omendb::python {
namespace {

template <class T>
T named(std::string_view what, std::string_view given, std::string_view name,
        std::initializer_list<T> all, std::string_view (*name_of)(T)) {
  std::string known;
  for (T candidate : all) {
    if (name_of(candidate) == name) return candidate;
    known += (known.empty() ? "\"" : ", \"") + std::string(name_of(candidate)) + "\"";
  }
  raise(StatusCode::kInvalidArgument,
        std::string(what) + " is \"" + std::string(given) + "\"; expected one of " + known);
}

/// Other names that people give to metrics and element types.
std::string known_name(std::string name) {
  static const std::unordered_map<std::string_view, std::string_view> kNames = {
      {"euclidean", "l2"},     {"sqeuclidean", "l2"},  {"l2_squared", "l2"},  {"l2sq", "l2"},
      {"cos", "cosine"},       {"dot", "ip"},          {"dot_product", "ip"}, {"dotproduct", "ip"},
      {"inner_product", "ip"}, {"innerproduct", "ip"}, {"float32", "f32"},    {"float", "f32"},
      {"float16", "f16"},      {"half", "f16"},        {"int8", "i8"},        {"bit", "binary"},
      {"bits", "binary"},      {"bool", "binary"},     {"ubinary", "binary"},
  };
  std::string lower = name;
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const auto found = kNames.find(lower);
  return found == kNames.end() ? lower : std::string(found->second);
}

/// The field to ask for. An option that the caller left out is taken from the field that exists,
/// unless it would not go with the others: hamming needs binary vectors, and they need hamming.
VectorField completed(const Asked& asked, const VectorField* there) {
  auto go_together = [](Metric m, Element e) {
    return (m == Metric::kHamming) == (e == Element::kBinary);
  };
  VectorField out{.name = asked.name, .dim = asked.dim};
  if (there != nullptr && asked.dim == 0) out.dim = there->dim;
  if (asked.element) {
    out.element = *asked.element;
  } else if (there != nullptr &&
             go_together(asked.metric.value_or(there->metric), there->element)) {
    out.element = there->element;
  }
  if (asked.metric) {
    out.metric = *asked.metric;
  } else if (there != nullptr && go_together(there->metric, out.element)) {
    out.metric = there->metric;
  } else if (out.element == Element::kBinary) {
    out.metric = Metric::kHamming;
  }
  return out;
}

/// The schema to ask for.
/// @param info  of the collection that exists, if there is one.
std::optional<CollectionOptions> completed(const std::vector<Asked>& asked,
                                           const std::optional<CollectionInfo>& info) {
  if (asked.empty()) return std::nullopt;
  std::vector<VectorField> there;
  if (info) there = info->fields;
  if (info && there.empty()) there = {{"", info->dim, info->metric, info->element}};
  CollectionOptions out;
  for (const Asked& one : asked) {
    const auto same = std::ranges::find(there, one.name, &VectorField::name);
    out.fields.push_back(completed(one, same == there.end() ? nullptr : &*same));
  }
  if (asked[0].name.empty()) {
    out.dim = out.fields[0].dim;
    out.metric = out.fields[0].metric;
    out.element = out.fields[0].element;
    out.fields.clear();
  }
  return out;
}

}  // namespace

Metric metric_named(const std::string& text) {
  return named("metric", text, known_name(text),
               {Metric::kL2, Metric::kCosine, Metric::kInnerProduct, Metric::kHamming},
               metric_name);
}

Element element_named(const std::string& text) {
  return named("dtype", text, known_name(text),
               {Element::kF32, Element::kF16, Element::kI8, Element::kBinary}, element_name);
}

Result<Collection> get_collection(Database& db, const std::string& name,
                                  const std::vector<Asked>& asked, bool create) {
  std::optional<CollectionOptions> refused;
  for (;;) {
    auto found = db.find_collection(name);
    if (!found.ok() && (found.status().code() != StatusCode::kNotFound || !create)) return found;
    std::optional<CollectionInfo> there;
    if (found.ok()) {
      if (asked.empty()) return found;
      auto info = found->info();
      if (info.status().code() == StatusCode::kNotFound) continue;  // dropped meanwhile
      if (!info.ok()) return info.status();
      there = std::move(info).value();
    }
    const auto options = completed(asked, there);
    auto got = create ? db.collection(name, options) : db.find_collection(name, options);
    if (got.status().code() != StatusCode::kAlreadyExists || refused == options) return got;
    refused = options;
  }
}

}  // namespace omendb::python
