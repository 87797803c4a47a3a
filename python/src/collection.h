// A collection as Python sees it.
#pragma once

#include <optional>
#include <string>

#include "common.h"

namespace omendb::python {

/// Gets the collection, or creates it if `create`.
/// @param fields  (name, dim, metric, dtype) of each vector field; dim 0 and None = not said.
nb::object open_collection(Database& db, const std::string& name, size_t dim,
                           std::optional<std::string> metric_text,
                           std::optional<std::string> dtype_text, nb::list fields, bool create);

void bind_collection(nb::module_& m);

}  // namespace omendb::python
