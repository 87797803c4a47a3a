// omendb.h: a database folder that is not open.
#include "omendb/check.h"

#include "capi/fence.h"
#include "capi/handles.h"

using omendb::Status;
using omendb::capi::fenced;
using omendb::capi::new_strings;

extern "C" {

omendb_status omendb_check(const char* path, omendb_strings** problems, omendb_strings** notes,
                           omendb_check_counts* counts) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(path);
    OMENDB_REQUIRE(problems);
    auto report = omendb::check(path);
    if (!report.ok()) return report.status();
    if (counts != nullptr) {
      *counts = {report->collections, report->points, report->files, report->bytes};
    }
    *problems = new_strings(std::move(report->problems));
    if (notes != nullptr) *notes = new_strings(std::move(report->notes));
    return {};
  });
}

omendb_status omendb_repair(const char* path, const char* into, omendb_strings** lost,
                            uint64_t* points) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(path);
    OMENDB_REQUIRE(into);
    OMENDB_REQUIRE(lost);
    auto report = omendb::repair(path, into);
    if (!report.ok()) return report.status();
    if (points != nullptr) *points = report->points;
    *lost = new_strings(std::move(report->lost));
    return {};
  });
}

}  // extern "C"
