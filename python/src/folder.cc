// What is done with a database folder that is not open.
#include "folder.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "omendb/check.h"

namespace omendb::python {

namespace {

nb::dict check_folder(const std::string& path) {
  const CheckReport report = unwrap(without_gil([&] { return check(path); }));
  nb::dict out;
  out["problems"] = report.problems;
  out["notes"] = report.notes;
  out["collections"] = report.collections;
  out["points"] = report.points;
  out["files"] = report.files;
  out["bytes"] = report.bytes;
  return out;
}

nb::dict repair_folder(const std::string& path, const std::string& into) {
  const RepairReport report = unwrap(without_gil([&] { return repair(path, into); }));
  nb::dict out;
  out["collections"] = report.collections;
  out["points"] = report.points;
  out["lost"] = report.lost;
  return out;
}

}  // namespace

void bind_folder(nb::module_& m) {
  m.def("check", &check_folder, nb::arg("path"),
        nb::sig("def check(path: str) -> dict[str, typing.Any]"));
  m.def("repair", &repair_folder, nb::arg("path"), nb::arg("into"),
        nb::sig("def repair(path: str, into: str) -> dict[str, typing.Any]"));
}

}  // namespace omendb::python
