// The schema that a caller asks a collection for, in the words of Python.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common.h"

namespace omendb::python {

/// Raise InvalidArgumentError, which lists the names that exist.
Metric metric_named(const std::string& text);
Element element_named(const std::string& text);

/// The options that a caller gave for a field, or for a collection without fields (name "").
struct Asked {
  std::string name;
  size_t dim = 0;
  std::optional<Metric> metric = {};
  std::optional<Element> element = {};
};

/// Gets or creates a collection, while other threads may create and drop it. Options that the
/// caller left out are taken from the collection that exists. If it changes between reading its
/// options and asking for them, this tries again.
Result<Collection> get_collection(Database& db, const std::string& name,
                                  const std::vector<Asked>& asked, bool create);

}  // namespace omendb::python
