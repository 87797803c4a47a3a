// Column values as Python objects.
#include "rows.h"

#include <datetime.h>

namespace omendb::python {
namespace {

constexpr int64_t kMicrosPerDay = 86'400'000'000;

/// An aware datetime in UTC; out of the years 1..9999 the number of microseconds itself.
/// Days become a civil date in eras of 400 years that begin on 1 March.
nb::object moment(int64_t micros) {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  int64_t day = micros / kMicrosPerDay;
  int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --day;
  }
  const int64_t shifted = day + 719'468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t from_march = (5 * day_of_year + 2) / 153;
  const auto day_of_month = static_cast<int>(day_of_year - (153 * from_march + 2) / 5 + 1);
  const auto month = static_cast<int>(from_march < 10 ? from_march + 3 : from_march - 9);
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  if (year < 1 || year > 9999) return nb::cast(micros);
  const int64_t seconds = rest / 1'000'000;
  return nb::steal(PyDateTimeAPI->DateTime_FromDateAndTime(
      static_cast<int>(year), month, day_of_month, static_cast<int>(seconds / 3'600),
      static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60),
      static_cast<int>(rest % 1'000'000), PyDateTime_TimeZone_UTC, PyDateTimeAPI->DateTimeType));
}

nb::object element_at(const Column& column, size_t i) {
  switch (element_type(column.type)) {
    case ColumnType::kBool: return nb::cast(column.bools[i] != 0);
    case ColumnType::kI64: return nb::cast(column.ints[i]);
    case ColumnType::kF64: return nb::cast(column.doubles[i]);
    case ColumnType::kTimestamp: return moment(column.ints[i]);
    case ColumnType::kJson:
      return nb::module_::import_("omendb._json").attr("decode")(to_str(column.string_at(i)));
    default: return to_str(column.string_at(i));
  }
}

}  // namespace

nb::object value_at(const Column& column, size_t row) {
  if (!column.is_valid(row)) return nb::none();
  if (!is_array(column.type)) return element_at(column, row);
  nb::list out;
  for (uint64_t i = column.list_offsets[row]; i < column.list_offsets[row + 1]; ++i) {
    out.append(element_at(column, i));
  }
  return out;
}

}  // namespace omendb::python
