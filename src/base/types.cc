#include "omendb/types.h"

namespace omendb {

std::string_view metric_name(Metric metric) {
  switch (metric) {
    case Metric::kL2: return "l2";
    case Metric::kCosine: return "cosine";
    case Metric::kInnerProduct: return "ip";
    case Metric::kHamming: return "hamming";
  }
  return "unknown";
}

double score(Metric metric, size_t dim, float distance) {
  const double d = static_cast<double>(distance);
  switch (metric) {
    case Metric::kL2: return 1 / (1 + d);
    case Metric::kCosine: return 1 - d;
    case Metric::kInnerProduct: return -d;
    case Metric::kHamming: return dim == 0 ? 0 : 1 - d / static_cast<double>(dim);
  }
  return 0;
}

std::string_view element_name(Element element) {
  switch (element) {
    case Element::kF32: return "f32";
    case Element::kF16: return "f16";
    case Element::kI8: return "i8";
    case Element::kBinary: return "binary";
  }
  return "unknown";
}

std::string_view column_type_name(ColumnType type) {
  switch (type) {
    case ColumnType::kBool: return "bool";
    case ColumnType::kI64: return "i64";
    case ColumnType::kF64: return "f64";
    case ColumnType::kString: return "string";
    case ColumnType::kTimestamp: return "timestamp";
    case ColumnType::kJson: return "json";
    case ColumnType::kBoolArray: return "bool[]";
    case ColumnType::kI64Array: return "i64[]";
    case ColumnType::kF64Array: return "f64[]";
    case ColumnType::kStringArray: return "string[]";
    case ColumnType::kTimestampArray: return "timestamp[]";
  }
  return "unknown";
}

size_t Column::value_count() const {
  switch (element_type(type)) {
    case ColumnType::kBool: return bools.size();
    case ColumnType::kI64:
    case ColumnType::kTimestamp: return ints.size();
    case ColumnType::kF64: return doubles.size();
    case ColumnType::kString:
    case ColumnType::kJson: return string_offsets.empty() ? 0 : string_offsets.size() - 1;
    default: return 0;
  }
}

size_t Column::row_count() const {
  if (is_array(type)) return list_offsets.empty() ? 0 : list_offsets.size() - 1;
  return value_count();
}

}  // namespace omendb
