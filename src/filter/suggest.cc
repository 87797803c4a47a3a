#include "filter/suggest.h"

#include <algorithm>
#include <vector>

#include "base/utf8.h"
#include "filter/tree.h"

namespace omendb::filter {

namespace {

constexpr size_t kMaxCompared = 64;  // bytes of a name; there are no suggestions for longer ones
constexpr size_t kMaxListed = 20;

/// Insertions, deletions, replacements and swaps of neighbours that turn a into b.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before.swap(row);
    row.swap(next);
  }
  return row[b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// The column with the most similar name, if one is similar enough.
const column::ColumnSchema* nearest(std::string_view name, const column::Schema& schema) {
  if (name.size() > kMaxCompared) return nullptr;
  const column::ColumnSchema* best = nullptr;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const auto& column : schema) {
    if (column.name.size() > kMaxCompared) continue;
    const size_t distance = edit_distance(lower(name), lower(column.name));
    if (distance < best_distance) {
      best_distance = distance;
      best = &column;
    }
  }
  return best;
}

std::string quoted_name(std::string_view name) {
  constexpr size_t kShown = 256;
  return "\"" + std::string(name.substr(0, utf8_valid_prefix(name.substr(0, kShown)))) +
         (name.size() > kShown ? "...\"" : "\"");
}

/// The column that a path seems to begin with, though values of its type have no fields.
const column::ColumnSchema* column_without_fields(std::string_view name,
                                                  const column::Schema& schema) {
  const column::ColumnSchema* found = nullptr;
  for (const auto& column : schema) {
    const bool begins = name.starts_with(column.name) && name.size() > column.name.size() &&
                        name[column.name.size()] == '.';
    const bool longer = found == nullptr || column.name.size() > found->name.size();
    if (begins && longer) found = &column;
  }
  return found;
}

}  // namespace

std::string unknown_column_text(std::string_view name, const column::Schema& schema) {
  std::string text = "no point has a column " + quoted_name(name) + " yet";
  if (schema.empty()) return text + "; the collection has no metadata columns";
  const size_t dot = name.find('.');
  if (const auto* column = column_without_fields(name, schema); column != nullptr) {
    text += "; " + quoted_name(column->name) + " is " +
            std::string(column_type_name(column->type)) + " in all of them, which has no fields;";
  } else if (const auto* meant = nearest(name, schema); meant != nullptr) {
    text += "; did you mean " + quoted_name(meant->name) + "?";
  } else if (const auto* first = nearest(name.substr(0, dot), schema);
             dot != std::string_view::npos && first != nullptr) {
    text += "; did you mean " + quoted_name(first->name + std::string(name.substr(dot))) + "?";
  } else {
    text += ";";
  }
  std::vector<std::string> names;
  for (const auto& column : schema) names.push_back(column_text(column.name));
  std::ranges::sort(names);
  text += " columns: ";
  for (size_t i = 0; i < std::min(names.size(), kMaxListed); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kMaxListed) {
    text += " and " + std::to_string(names.size() - kMaxListed) + " more";
  }
  return text;
}

}  // namespace omendb::filter
