// What is done with a database folder that is not open: check and repair.
#pragma once

#include "common.h"

namespace omendb::python {

void bind_folder(nb::module_& m);

}  // namespace omendb::python
