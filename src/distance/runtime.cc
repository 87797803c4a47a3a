#include "omendb/runtime.h"

#include "distance/kernels.h"

namespace omendb {

std::string_view version() {
  return OMENDB_VERSION;
}

std::string_view active_isa() {
  return distance::isa_name(distance::active_isa());
}

std::vector<std::string_view> supported_isas() {
  std::vector<std::string_view> names;
  for (const distance::Isa isa : distance::supported_isas()) {
    names.push_back(distance::isa_name(isa));
  }
  return names;
}

}  // namespace omendb
