#include "arrow_decode.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace omendb::python {
namespace {

template <class T>
T at(const ArrowArray& array, int64_t i) {
  T value;
  std::memcpy(&value,
              static_cast<const char*>(array.buffers[1]) +
                  static_cast<size_t>(i + array.offset) * sizeof(T),
              sizeof(T));
  return value;
}

bool bit(const void* bits, int64_t i) {
  return (static_cast<const uint8_t*>(bits)[i / 8] >> (i % 8) & 1) != 0;
}

double half_to_double(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const double fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 1024, exponent - 25);
}

double arrow_float(char format, const ArrowArray& array, int64_t i) {
  if (format == 'e') return half_to_double(at<uint16_t>(array, i));
  if (format == 'f') return static_cast<double>(at<float>(array, i));
  return at<double>(array, i);
}

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  raise(StatusCode::kTypeMismatch, "column \"" + name + "\": " + why);
}

std::optional<ColumnType> scalar_type(const ArrowSchema& schema) {
  const std::string_view format = schema.format;
  if (schema.dictionary != nullptr) return scalar_type(*schema.dictionary);
  if (format == "b") return ColumnType::kBool;
  if (is_arrow_int(format)) return ColumnType::kI64;
  if (is_arrow_float(format)) return ColumnType::kF64;
  if (is_arrow_string(format)) return ColumnType::kString;
  if (format.substr(0, 2) == "ts" || format.substr(0, 2) == "td") return ColumnType::kTimestamp;
  return std::nullopt;
}

/// Microseconds since the epoch of a timestamp (tss, tsm, tsu, tsn) or a date (tdD, tdm).
int64_t arrow_micros(const std::string& name, std::string_view format, const ArrowArray& array,
                     int64_t i) {
  int64_t factor = 1;
  int64_t value = 0;
  if (format == "tdD") {
    value = at<int32_t>(array, i);
    factor = 86'400'000'000;
  } else {
    value = at<int64_t>(array, i);
    const char unit = format[2];
    if (unit == 'n') return value >= 0 ? value / 1000 : -((-value + 999) / 1000);
    factor = unit == 's' ? 1'000'000 : unit == 'm' ? 1'000 : 1;
  }
  int64_t micros = 0;
  if (__builtin_mul_overflow(value, factor, &micros)) {
    refuse(name, "timestamp " + std::to_string(value) + " does not fit in microseconds");
  }
  return micros;
}

/// Appends one value that is present; false if it turned out to be a NaN, which means missing.
bool append_value(const std::string& name, const ArrowSchema& schema, const ArrowArray& array,
                  int64_t i, Column* out) {
  const std::string_view format = schema.format;
  if (schema.dictionary != nullptr) {
    const int64_t index = arrow_dictionary_index(name, schema, array, i);
    if (!arrow_valid(*array.dictionary, index)) return false;
    return append_value(name, *schema.dictionary, *array.dictionary, index, out);
  }
  switch (element_type(out->type)) {
    case ColumnType::kBool:
      out->bools.push_back(bit(array.buffers[1], i + array.offset) ? 1 : 0);
      return true;
    case ColumnType::kI64: {
      bool fits = true;
      out->ints.push_back(arrow_int(format[0], array, i, &fits));
      if (!fits) refuse(name, "a uint64 value does not fit in 64 bits with a sign");
      return true;
    }
    case ColumnType::kTimestamp:
      out->ints.push_back(arrow_micros(name, format, array, i));
      return true;
    case ColumnType::kF64: {
      const double value = arrow_float(format[0], array, i);
      if (std::isnan(value)) return false;
      out->doubles.push_back(value);
      return true;
    }
    default: {
      out->bytes += arrow_string(format, array, i);
      out->string_offsets.push_back(out->bytes.size());
      return true;
    }
  }
}

void append_missing(Column* out) {
  switch (element_type(out->type)) {
    case ColumnType::kBool: out->bools.push_back(0); break;
    case ColumnType::kF64: out->doubles.push_back(0); break;
    case ColumnType::kString: out->string_offsets.push_back(out->bytes.size()); break;
    default: out->ints.push_back(0); break;
  }
}

}  // namespace

bool arrow_valid(const ArrowArray& array, int64_t i) {
  if (array.null_count == 0 || array.n_buffers == 0 || array.buffers[0] == nullptr) return true;
  return bit(array.buffers[0], i + array.offset);
}

bool is_arrow_int(std::string_view format) {
  return format.size() == 1 && std::strchr("cCsSiIlL", format[0]) != nullptr;
}
bool is_arrow_float(std::string_view format) {
  return format.size() == 1 && std::strchr("efg", format[0]) != nullptr;
}
bool is_arrow_string(std::string_view format) {
  return format == "u" || format == "U" || format == "vu";
}
bool is_arrow_list(std::string_view format) {
  return format == "+l" || format == "+L" || format.substr(0, 3) == "+w:";
}

std::string arrow_type_name(const ArrowSchema& schema) {
  const std::string_view format = schema.format;
  if (is_arrow_list(format) && schema.n_children == 1) {
    return "list<" + arrow_type_name(*schema.children[0]) + ">";
  }
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"+s", "struct"},      {"+m", "map"},      {"+v", "list view"}, {"+r", "run-end encoded"},
      {"+u", "union"},       {"td", "date"},     {"tt", "time"},      {"ts", "timestamp"},
      {"tD", "duration"},    {"ti", "interval"}, {"d:", "decimal"},   {"w:", "fixed-size binary"},
      {"vz", "binary view"}, {"vu", "string"},   {"z", "binary"},     {"Z", "binary"},
      {"u", "string"},       {"U", "string"},    {"n", "null"},       {"b", "bool"},
      {"e", "float16"},      {"f", "float32"},   {"g", "float64"},    {"c", "int8"},
      {"C", "uint8"},        {"s", "int16"},     {"S", "uint16"},     {"i", "int32"},
      {"I", "uint32"},       {"l", "int64"},     {"L", "uint64"},
  };
  for (const auto& [start, name] : kNames) {
    if (format.starts_with(start)) return std::string(name);
  }
  return "Arrow format \"" + std::string(format) + "\"";
}

int64_t arrow_int(char format, const ArrowArray& array, int64_t i, bool* fits) {
  switch (format) {
    case 'c': return at<int8_t>(array, i);
    case 'C': return at<uint8_t>(array, i);
    case 's': return at<int16_t>(array, i);
    case 'S': return at<uint16_t>(array, i);
    case 'i': return at<int32_t>(array, i);
    case 'I': return at<uint32_t>(array, i);
    case 'L': {
      const auto value = at<uint64_t>(array, i);
      if (value > static_cast<uint64_t>(INT64_MAX)) *fits = false;
      return static_cast<int64_t>(value);
    }
    default: return at<int64_t>(array, i);
  }
}

int64_t arrow_dictionary_index(const std::string& name, const ArrowSchema& schema,
                               const ArrowArray& array, int64_t i) {
  bool fits = true;
  const int64_t index = arrow_int(schema.format[0], array, i, &fits);
  if (!fits || index < 0 || index >= array.dictionary->length) {
    refuse(name, "a dictionary index is out of range");
  }
  return index;
}

std::string_view arrow_string(std::string_view format, const ArrowArray& array, int64_t i) {
  const int64_t index = i + array.offset;
  if (format == "vu") {
    // A view: its length, then the text itself (up to 12 bytes) or a prefix, a buffer and an
    // offset.
    const char* view = static_cast<const char*>(array.buffers[1]) + index * 16;
    int32_t head[4];
    std::memcpy(head, view, sizeof(head));
    if (head[0] <= 12) return {view + 4, static_cast<size_t>(head[0])};
    const char* data = static_cast<const char*>(array.buffers[2 + head[2]]);
    return {data + head[3], static_cast<size_t>(head[0])};
  }
  int64_t start = 0;
  int64_t stop = 0;
  if (format == "u") {
    start = static_cast<const int32_t*>(array.buffers[1])[index];
    stop = static_cast<const int32_t*>(array.buffers[1])[index + 1];
  } else {
    start = static_cast<const int64_t*>(array.buffers[1])[index];
    stop = static_cast<const int64_t*>(array.buffers[1])[index + 1];
  }
  if (start < 0 || stop < start) {
    raise(StatusCode::kInvalidArgument, "an Arrow string array has offsets that fall");
  }
  return {static_cast<const char*>(array.buffers[2]) + start, static_cast<size_t>(stop - start)};
}

std::pair<int64_t, int64_t> arrow_list(std::string_view format, const ArrowArray& array,
                                       int64_t i) {
  const int64_t index = i + array.offset;
  int64_t start = 0;
  int64_t stop = 0;
  if (format == "+l") {
    start = static_cast<const int32_t*>(array.buffers[1])[index];
    stop = static_cast<const int32_t*>(array.buffers[1])[index + 1];
  } else if (format == "+L") {
    start = static_cast<const int64_t*>(array.buffers[1])[index];
    stop = static_cast<const int64_t*>(array.buffers[1])[index + 1];
  } else {
    int64_t size = 0;
    std::from_chars(format.data() + 3, format.data() + format.size(), size);
    start = index * size;
    stop = start + size;
  }
  if (start < 0 || stop < start || stop > array.children[0]->length) {
    raise(StatusCode::kInvalidArgument, "an Arrow list array points past its values");
  }
  return {start, stop};
}

std::optional<Column> decode_column(const ArrowSchema& schema, const ArrowArray& array,
                                    int64_t first, int64_t count, const std::string& name) {
  const std::string_view format = schema.format;
  if (format == "n") return std::nullopt;
  const bool list = is_arrow_list(format) && schema.n_children == 1;
  const ArrowSchema& value_schema = list ? *schema.children[0] : schema;
  const auto type = scalar_type(value_schema);
  if (!type) {
    refuse(name, "expected bool, integer, float, string, timestamp, date or a list of these, got " +
                     arrow_type_name(schema));
  }
  Column out;
  out.name = name;
  out.type = list ? array_of(*type) : *type;
  if (*type == ColumnType::kString) out.string_offsets.push_back(0);
  if (list) out.list_offsets.push_back(0);
  bool missing = false;
  out.valid.assign(static_cast<size_t>(count), 1);
  for (int64_t i = 0; i < count; ++i) {
    bool present = arrow_valid(array, first + i);
    if (present && list) {
      const ArrowArray& values = *array.children[0];
      const auto [start, stop] = arrow_list(format, array, first + i);
      for (int64_t v = start; v < stop; ++v) {
        if (!arrow_valid(values, v) || !append_value(name, value_schema, values, v, &out)) {
          refuse(name, "row " + std::to_string(i) + ": an array may not contain null or NaN");
        }
      }
    } else if (present) {
      present = append_value(name, schema, array, first + i, &out);
    }
    if (!present) {
      out.valid[static_cast<size_t>(i)] = 0;
      missing = true;
      if (!list) append_missing(&out);
    }
    if (list) out.list_offsets.push_back(out.value_count());
  }
  if (!missing) out.valid.clear();
  return out;
}

}  // namespace omendb::python
