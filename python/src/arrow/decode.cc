#include "decode.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

namespace omendb::python {
namespace {

template <class T>
T read(const void* buffer, int64_t i) {
  T value;
  std::memcpy(&value, static_cast<const char*>(buffer) + static_cast<size_t>(i) * sizeof(T),
              sizeof(T));
  return value;
}

/// Value `i` of an array of numbers.
template <class T>
T at(const ArrowPlace& place) {
  return read<T>(place.array->buffers[1], place.index + place.array->offset);
}

bool bit(const void* bits, int64_t i) {
  return (static_cast<const uint8_t*>(bits)[i / 8] >> (i % 8) & 1) != 0;
}

bool is_valid(const ArrowArray& array, int64_t i) {
  if (array.null_count == 0 || array.n_buffers == 0 || array.buffers[0] == nullptr) return true;
  return bit(array.buffers[0], i + array.offset);
}

double half_to_double(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const double fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 1024, exponent - 25);
}

double arrow_float(const ArrowPlace& place) {
  switch (place.schema->format[0]) {
    case 'e': return half_to_double(at<uint16_t>(place));
    case 'f': return static_cast<double>(at<float>(place));
    default: return at<double>(place);
  }
}

Status malformed(const std::string& why) {
  return {StatusCode::kInvalidArgument, "Arrow data is malformed: " + why};
}

Status refuse(const std::string& name, const std::string& why) {
  return {StatusCode::kTypeMismatch, "column \"" + name + "\": " + why};
}

constexpr std::string_view kBool8 = "arrow.bool8";

/// Takes a length and as many bytes from a schema's metadata.
std::string_view take_text(const char** metadata) {
  const auto length = read<int32_t>(*metadata, 0);
  if (length < 0) return {};
  const std::string_view text(*metadata + sizeof(length), static_cast<size_t>(length));
  *metadata += sizeof(length) + text.size();
  return text;
}

/// The extension that this schema itself names.
std::string_view own_extension(const ArrowSchema& schema) {
  const char* at = schema.metadata;
  if (at == nullptr) return {};
  const auto count = read<int32_t>(at, 0);
  at += sizeof(count);
  for (int32_t i = 0; i < count; ++i) {
    const std::string_view key = take_text(&at);
    const std::string_view value = take_text(&at);
    if (key == "ARROW:extension:name") return value;
  }
  return {};
}

/// Numbers of an extension type, whose meaning would be lost. arrow.bool8 is read instead.
bool is_number_of_extension(const ArrowSchema& schema) {
  const std::string_view extension = arrow_extension(schema);
  const std::string_view format = arrow_value_schema(schema).format;
  if (extension.empty() || (extension == kBool8 && format == "c")) return false;
  return is_arrow_int(format) || is_arrow_float(format) || format == "b";
}

std::optional<ColumnType> scalar_type(const ArrowSchema& schema) {
  const std::string_view format = arrow_value_schema(schema).format;
  if (is_number_of_extension(schema)) return std::nullopt;
  if (format == "b" || arrow_extension(schema) == kBool8) return ColumnType::kBool;
  if (is_arrow_int(format)) return ColumnType::kI64;
  if (is_arrow_float(format)) return ColumnType::kF64;
  if (is_arrow_string(format)) return ColumnType::kString;
  if (is_arrow_time(format)) return ColumnType::kTimestamp;
  return std::nullopt;
}

/// What to do with a column of a type that has no place here.
std::string_view instead_of(const ArrowSchema& schema) {
  const ArrowSchema& values = arrow_value_schema(schema);
  const std::string_view format = values.format;
  if (is_number_of_extension(is_arrow_list(format) ? *values.children[0] : schema)) {
    return "; cast it to string, or to its storage if the numbers alone are what you mean";
  }
  if (format.starts_with("d:")) return "; cast it to float64, or to string to keep every digit";
  if (format.starts_with("tD")) return "; cast it to int64 or to seconds as float64";
  if (format.starts_with("tt")) return "; cast it to string, or to int64";
  if (is_arrow_bytes(format)) return "; encode it as a string, such as base64 or hex";
  if (format == "+s") return "; flatten it into a column for each field";
  if (format == "+m") return "; make a column of each key";
  return "; cast it first, or leave the column out";
}

/// Microseconds since the epoch of a timestamp (tss, tsm, tsu, tsn) or a date (tdD, tdm).
Result<int64_t> arrow_micros(const std::string& name, const ArrowPlace& place) {
  const std::string_view format = place.schema->format;
  const bool days = format == "tdD";
  const int64_t value = days ? at<int32_t>(place) : at<int64_t>(place);
  const char unit = format[2];
  if (unit == 'n') {
    return value >= 0 ? value / 1000 : value / 1000 - (value % 1000 != 0 ? 1 : 0);
  }
  const int64_t factor = days ? 86'400'000'000 : unit == 's' ? 1'000'000 : unit == 'm' ? 1'000 : 1;
  int64_t micros = 0;
  if (__builtin_mul_overflow(value, factor, &micros)) {
    return refuse(name, "timestamp " + std::to_string(value) + " does not fit in microseconds");
  }
  return micros;
}

/// Appends one value that is present.
/// @return false if it is a NaN, which means missing.
Result<bool> append_value(const std::string& name, const ArrowPlace& place, Column& out) {
  switch (element_type(out.type)) {
    case ColumnType::kBool:
      if (place.schema->format[0] == 'c') {
        out.bools.push_back(at<int8_t>(place) != 0 ? 1 : 0);
        return true;
      }
      out.bools.push_back(bit(place.array->buffers[1], place.index + place.array->offset) ? 1 : 0);
      return true;
    case ColumnType::kI64: {
      const auto value = arrow_int(place);
      if (!value) return refuse(name, "a uint64 value does not fit in 64 bits with a sign");
      out.ints.push_back(*value);
      return true;
    }
    case ColumnType::kTimestamp: {
      auto micros = arrow_micros(name, place);
      if (!micros.ok()) return micros.status();
      out.ints.push_back(*micros);
      return true;
    }
    case ColumnType::kF64: {
      const double value = arrow_float(place);
      if (std::isnan(value)) return false;
      out.doubles.push_back(value);
      return true;
    }
    default: {
      auto text = arrow_bytes(place);
      if (!text.ok()) return text.status();
      out.bytes += *text;
      out.string_offsets.push_back(out.bytes.size());
      return true;
    }
  }
}

/// Appends the elements of one list.
Status append_list(const std::string& name, const ArrowPlace& place, int64_t row, Column& out) {
  auto range = arrow_list(place);
  if (!range.ok()) return range.status();
  for (int64_t v = range->start; v < range->stop; ++v) {
    auto value = arrow_place(*place.schema->children[0], *place.array->children[0], v);
    if (!value.ok()) return value.status();
    Result<bool> appended = false;
    if (value->present) appended = append_value(name, *value, out);
    if (!appended.ok()) return appended.status();
    if (!*appended) {
      return refuse(name, "row " + std::to_string(row) + ": an array may not contain null or NaN");
    }
  }
  return {};
}

void append_missing(Column& out) {
  switch (element_type(out.type)) {
    case ColumnType::kBool: out.bools.push_back(0); break;
    case ColumnType::kF64: out.doubles.push_back(0); break;
    case ColumnType::kString: out.string_offsets.push_back(out.bytes.size()); break;
    default: out.ints.push_back(0); break;
  }
}

/// Which of a run-end encoded array's values stands at `i`: the first run that ends behind it.
Result<int64_t> run_of(const ArrowSchema& schema, const ArrowArray& array, int64_t i) {
  const ArrowSchema& ends_schema = *schema.children[0];
  const ArrowArray& ends = *array.children[0];
  const int64_t wanted = i + array.offset;
  int64_t low = 0;
  int64_t high = ends.length;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (*arrow_int({&ends_schema, &ends, middle, true}) > wanted) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low >= ends.length || low >= array.children[1]->length) {
    return malformed("row " + std::to_string(wanted) + " lies behind the last run");
  }
  return low;
}

/// A view: its length, then the text itself (up to 12 bytes) or a prefix, a buffer and an offset.
/// The last buffer holds the sizes of the buffers that views point into.
Result<std::string_view> view_at(const ArrowPlace& place) {
  const ArrowArray& array = *place.array;
  const char* view = static_cast<const char*>(array.buffers[1]) + (place.index + array.offset) * 16;
  int32_t head[4];
  std::memcpy(head, view, sizeof(head));
  if (head[0] < 0) return malformed("a view has the length " + std::to_string(head[0]));
  if (head[0] <= 12) return std::string_view(view + 4, static_cast<size_t>(head[0]));
  const int64_t buffers = array.n_buffers - 3;
  const void* sizes = array.buffers[array.n_buffers - 1];
  if (head[2] < 0 || head[2] >= buffers || sizes == nullptr ||
      array.buffers[2 + head[2]] == nullptr) {
    return malformed("a view points into buffer " + std::to_string(head[2]) + " of " +
                     std::to_string(buffers));
  }
  const auto size = read<int64_t>(sizes, head[2]);
  if (head[3] < 0 || size < head[0] || head[3] > size - head[0]) {
    return malformed("a view of " + std::to_string(head[0]) + " bytes at " +
                     std::to_string(head[3]) + " points past its buffer of " +
                     std::to_string(size));
  }
  const char* data = static_cast<const char*>(array.buffers[2 + head[2]]);
  return std::string_view(data + head[3], static_cast<size_t>(head[0]));
}

}  // namespace

bool is_arrow_int(std::string_view format) {
  return format.size() == 1 && std::strchr("cCsSiIlL", format[0]) != nullptr;
}
bool is_arrow_float(std::string_view format) {
  return format.size() == 1 && std::strchr("efg", format[0]) != nullptr;
}
bool is_arrow_string(std::string_view format) {
  return format == "u" || format == "U" || format == "vu";
}
bool is_arrow_text(std::string_view format) {
  return is_arrow_string(format) || format == "z" || format == "Z" || format == "vz";
}
bool is_arrow_bytes(std::string_view format) {
  return format.starts_with("w:") || (is_arrow_text(format) && !is_arrow_string(format));
}
bool is_arrow_time(std::string_view format) {
  return format == "tdD" || format == "tdm" ||
         (format.size() >= 4 && format.starts_with("ts") && format[3] == ':' &&
          std::strchr("smun", format[2]) != nullptr);
}
bool is_arrow_list(std::string_view format) {
  return format == "+l" || format == "+L" || format.starts_with("+w:") ||
         is_arrow_list_view(format);
}
bool is_arrow_list_view(std::string_view format) {
  return format == "+vl" || format == "+vL";
}
bool is_arrow_runs(std::string_view format) {
  return format == "+r";
}

std::optional<int64_t> arrow_fixed_size(std::string_view format) {
  format.remove_prefix(format.find(':') + 1);
  int32_t size = 0;
  const auto [end, error] = std::from_chars(format.data(), format.data() + format.size(), size);
  if (error != std::errc() || end != format.data() + format.size() || size < 0) return std::nullopt;
  return size;
}

std::string_view arrow_extension(const ArrowSchema& schema) {
  const std::string_view own = own_extension(schema);
  if (!own.empty()) return own;
  if (is_arrow_runs(schema.format)) return arrow_extension(*schema.children[1]);
  return schema.dictionary == nullptr ? own : arrow_extension(*schema.dictionary);
}

std::string arrow_type_name(const ArrowSchema& schema) {
  const std::string_view format = schema.format;
  if (const std::string_view extension = own_extension(schema); !extension.empty()) {
    ArrowSchema storage = schema;
    storage.metadata = nullptr;
    return "extension \"" + std::string(extension) + "\" of " + arrow_type_name(storage);
  }
  if (schema.dictionary != nullptr) {
    return "dictionary<" + arrow_type_name(*schema.dictionary) + ">";
  }
  if (is_arrow_list(format)) return "list<" + arrow_type_name(*schema.children[0]) + ">";
  if (is_arrow_runs(format)) return "run-end encoded " + arrow_type_name(*schema.children[1]);
  if (format.starts_with("d:")) return "decimal(" + std::string(format.substr(2)) + ")";
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"+s", "struct"},      {"+m", "map"},      {"+u", "union"},
      {"td", "date"},        {"tt", "time"},     {"ts", "timestamp"},
      {"tD", "duration"},    {"ti", "interval"}, {"w:", "fixed-size binary"},
      {"vz", "binary view"}, {"vu", "string"},   {"z", "binary"},
      {"Z", "binary"},       {"u", "string"},    {"U", "string"},
      {"n", "null"},         {"b", "bool"},      {"e", "float16"},
      {"f", "float32"},      {"g", "float64"},   {"c", "int8"},
      {"C", "uint8"},        {"s", "int16"},     {"S", "uint16"},
      {"i", "int32"},        {"I", "uint32"},    {"l", "int64"},
      {"L", "uint64"},
  };
  for (const auto& [start, name] : kNames) {
    if (format.starts_with(start)) return std::string(name);
  }
  return "Arrow format \"" + std::string(format) + "\"";
}

const ArrowSchema& arrow_value_schema(const ArrowSchema& schema) {
  if (is_arrow_runs(schema.format)) return arrow_value_schema(*schema.children[1]);
  return schema.dictionary == nullptr ? schema : arrow_value_schema(*schema.dictionary);
}

Result<ArrowPlace> arrow_place(const ArrowSchema& schema, const ArrowArray& array, int64_t i) {
  ArrowPlace place{&schema, &array, i, false};
  while (true) {
    if (is_arrow_runs(place.schema->format)) {
      auto run = run_of(*place.schema, *place.array, place.index);
      if (!run.ok()) return run.status();
      place = {place.schema->children[1], place.array->children[1], *run, false};
      continue;
    }
    place.present =
        place.schema->format != std::string_view("n") && is_valid(*place.array, place.index);
    if (!place.present || place.schema->dictionary == nullptr) return place;
    const auto index = arrow_int(place);
    const int64_t length = place.array->dictionary->length;
    if (!index || *index < 0 || *index >= length) {
      return malformed("a dictionary index is out of range: " +
                       (index ? std::to_string(*index) : "beyond 2^63") + " of " +
                       std::to_string(length));
    }
    place = {place.schema->dictionary, place.array->dictionary, *index, false};
  }
}

std::optional<int64_t> arrow_int(const ArrowPlace& place) {
  switch (place.schema->format[0]) {
    case 'c': return at<int8_t>(place);
    case 'C': return at<uint8_t>(place);
    case 's': return at<int16_t>(place);
    case 'S': return at<uint16_t>(place);
    case 'i': return at<int32_t>(place);
    case 'I': return at<uint32_t>(place);
    case 'L': {
      const auto value = at<uint64_t>(place);
      if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default: return at<int64_t>(place);
  }
}

uint64_t arrow_uint64(const ArrowPlace& place) {
  return at<uint64_t>(place);
}

Result<std::string_view> arrow_bytes(const ArrowPlace& place) {
  const std::string_view format = place.schema->format;
  const ArrowArray& array = *place.array;
  if (format.starts_with("v")) return view_at(place);
  const int64_t index = place.index + array.offset;
  if (format.starts_with("w:")) {
    const int64_t width = *arrow_fixed_size(format);
    return std::string_view(static_cast<const char*>(array.buffers[1]) + index * width,
                            static_cast<size_t>(width));
  }
  const bool narrow = format == "u" || format == "z";
  const void* offsets = array.buffers[1];
  const int64_t start = narrow ? read<int32_t>(offsets, index) : read<int64_t>(offsets, index);
  const int64_t stop =
      narrow ? read<int32_t>(offsets, index + 1) : read<int64_t>(offsets, index + 1);
  if (start < 0 || stop < start || (stop > start && array.buffers[2] == nullptr)) {
    return malformed("a string lies from byte " + std::to_string(start) + " to " +
                     std::to_string(stop));
  }
  if (start == stop) return std::string_view();
  return std::string_view(static_cast<const char*>(array.buffers[2]) + start,
                          static_cast<size_t>(stop - start));
}

Result<ArrowRange> arrow_list(const ArrowPlace& place) {
  const std::string_view format = place.schema->format;
  const ArrowArray& array = *place.array;
  const int64_t index = place.index + array.offset;
  const int64_t length = array.children[0]->length;
  int64_t start = 0;
  int64_t size = 0;
  if (format.starts_with("+w:")) {
    size = *arrow_fixed_size(format);
    start = index * size;
  } else {
    const bool narrow = format == "+l" || format == "+vl";
    auto number = [&](const void* buffer, int64_t i) {
      return narrow ? int64_t{read<int32_t>(buffer, i)} : read<int64_t>(buffer, i);
    };
    start = number(array.buffers[1], index);
    if (is_arrow_list_view(format)) {
      size = number(array.buffers[2], index);
    } else if (__builtin_sub_overflow(number(array.buffers[1], index + 1), start, &size)) {
      size = -1;
    }
  }
  if (start < 0 || size < 0 || size > length || start > length - size) {
    return malformed("a list of " + std::to_string(size) + " values at " + std::to_string(start) +
                     " points past the " + std::to_string(length) + " that there are");
  }
  return ArrowRange{start, start + size};
}

Result<std::optional<Column>> decode_column(const ArrowSchema& schema, const ArrowArray& array,
                                            int64_t first, int64_t count, const std::string& name) {
  const ArrowSchema& outer = arrow_value_schema(schema);
  if (outer.format == std::string_view("n")) return std::optional<Column>();
  const bool list = is_arrow_list(outer.format);
  const auto type = scalar_type(list ? *outer.children[0] : schema);
  if (!type) {
    return refuse(name,
                  "expected bool, integer, float, string, timestamp, date or a list of "
                  "these, got " +
                      arrow_type_name(schema) + std::string(instead_of(schema)));
  }
  Column out;
  out.name = name;
  out.type = list ? array_of(*type) : *type;
  if (*type == ColumnType::kString) out.string_offsets.push_back(0);
  if (list) out.list_offsets.push_back(0);
  bool missing = false;
  out.valid.assign(static_cast<size_t>(count), 1);
  for (int64_t i = 0; i < count; ++i) {
    auto place = arrow_place(schema, array, first + i);
    if (!place.ok()) return place.status();
    bool present = place->present;
    if (present && list) {
      Status status = append_list(name, *place, i, out);
      if (!status.ok()) return status;
    } else if (present) {
      auto appended = append_value(name, *place, out);
      if (!appended.ok()) return appended.status();
      present = *appended;
    }
    if (!present) {
      out.valid[static_cast<size_t>(i)] = 0;
      missing = true;
      if (!list) append_missing(out);
    }
    if (list) out.list_offsets.push_back(out.value_count());
  }
  if (!missing) out.valid.clear();
  return std::optional<Column>(std::move(out));
}

}  // namespace omendb::python
