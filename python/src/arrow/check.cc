#include "check.h"

#include <optional>
#include <string>
#include <string_view>

#include "decode.h"

namespace omendb::python {
namespace {

Status lies(const std::string& path, const std::string& why) {
  return {StatusCode::kInvalidArgument,
          "Arrow data is malformed: " + (path.empty() ? "the top array" : path) + " " + why};
}

std::string child_path(const std::string& path, const ArrowSchema& child, int64_t i) {
  const std::string name = child.name == nullptr || *child.name == 0
                               ? std::to_string(i)
                               : "\"" + std::string(child.name) + "\"";
  return path.empty() ? "column " + name : path + ", child " + name;
}

/// Children that arrays of a format have; none if the format does not say.
std::optional<int64_t> children_of(std::string_view format) {
  if (is_arrow_list(format)) return 1;
  if (is_arrow_runs(format)) return 2;
  if (format.starts_with("+")) return std::nullopt;
  return 0;
}

Status check_schema(const ArrowSchema& schema, const std::string& path, int depth) {
  if (depth > kMaxArrowDepth) {
    return lies(path, "is nested deeper than " + std::to_string(kMaxArrowDepth) + " levels");
  }
  if (schema.format == nullptr) return lies(path, "has no format");
  const std::string_view format = schema.format;
  if ((format.starts_with("+w:") || format.starts_with("w:")) && !arrow_fixed_size(format)) {
    return lies(path, "has the format \"" + std::string(format) + "\", which names no size");
  }
  const int64_t children = schema.n_children;
  if (children < 0 || children > INT32_MAX || children_of(format).value_or(children) != children) {
    return lies(path,
                "is a " + std::string(format) + " with " + std::to_string(children) + " children");
  }
  if (children > 0 && schema.children == nullptr) return lies(path, "has no children");
  for (int64_t i = 0; i < children; ++i) {
    const ArrowSchema* child = schema.children[i];
    if (child == nullptr) return lies(path, "lacks child " + std::to_string(i));
    const Status status = check_schema(*child, child_path(path, *child, i), depth + 1);
    if (!status.ok()) return status;
  }
  if (is_arrow_runs(format)) {
    const std::string_view ends = schema.children[0]->format;
    if (ends != "s" && ends != "i" && ends != "l") {
      return lies(path, "has run ends of the format \"" + std::string(ends) + "\"");
    }
  }
  if (schema.dictionary == nullptr) return {};
  if (!is_arrow_int(format)) {
    return lies(path, "has dictionary indices of the format \"" + std::string(format) + "\"");
  }
  return check_schema(*schema.dictionary, path + (path.empty() ? "its" : ", its") + " dictionary",
                      depth + 1);
}

/// Buffers that arrays of a format have at least, the validity included; none for a format that is
/// not read.
std::optional<int64_t> buffers_of(std::string_view format) {
  if (format == "n" || is_arrow_runs(format)) return 0;
  if (format == "+s" || format.starts_with("+w:")) return 1;
  if (is_arrow_text(format) || is_arrow_list_view(format)) return 3;
  if (format == "b" || is_arrow_int(format) || is_arrow_float(format) || is_arrow_list(format) ||
      is_arrow_time(format) || format.starts_with("w:")) {
    return 2;
  }
  return std::nullopt;
}

Status check_buffers(std::string_view format, const ArrowArray& array, const std::string& path) {
  const int64_t wanted = *buffers_of(format);
  if (array.n_buffers < wanted) {
    return lies(path, "has " + std::to_string(array.n_buffers) + " buffers; a " +
                          std::string(format) + " has " + std::to_string(wanted));
  }
  if (wanted == 0) return {};
  if (array.buffers == nullptr) return lies(path, "has no buffers");
  if (array.null_count > 0 && array.buffers[0] == nullptr) {
    return lies(path, "has " + std::to_string(array.null_count) + " nulls and no validity buffer");
  }
  if (array.length == 0) return {};
  // The second buffer holds values, offsets or views; a third may be missing if all strings are
  // empty, which is checked where a string is read.
  if (wanted >= 2 && array.buffers[1] == nullptr) return lies(path, "lacks buffer 1");
  if (is_arrow_list_view(format) && array.buffers[2] == nullptr)
    return lies(path, "lacks buffer 2");
  return {};
}

/// Rows that a child must have for a parent of `rows` rows; 0 for formats whose values say it.
int64_t needed_of_child(std::string_view format, int64_t rows) {
  if (format == "+s") return rows;
  if (!format.starts_with("+w:")) return 0;
  int64_t needed = 0;
  return __builtin_mul_overflow(rows, *arrow_fixed_size(format), &needed) ? INT64_MAX : needed;
}

Status check_array(const ArrowSchema& schema, const ArrowArray& array, const std::string& path) {
  const std::string_view format = schema.format;
  if (array.length < 0 || array.offset < 0 || array.length > kMaxArrowRows ||
      array.offset > kMaxArrowRows - array.length) {
    return lies(path, "has the length " + std::to_string(array.length) + " at the offset " +
                          std::to_string(array.offset));
  }
  if (schema.dictionary == nullptr && !buffers_of(format)) return {};
  Status status = check_buffers(format, array, path);
  if (!status.ok()) return status;
  if (array.n_children != schema.n_children) {
    return lies(path, "has " + std::to_string(array.n_children) + " children; its schema has " +
                          std::to_string(schema.n_children));
  }
  if (array.n_children > 0 && array.children == nullptr) return lies(path, "has no children");
  const int64_t needed = needed_of_child(format, array.length + array.offset);
  for (int64_t i = 0; i < array.n_children; ++i) {
    const ArrowArray* child = array.children[i];
    const std::string name = child_path(path, *schema.children[i], i);
    if (child == nullptr) return lies(name, "is missing");
    if (child->length < needed) {
      return lies(name, "has " + std::to_string(child->length) +
                            " values; what it belongs to needs " + std::to_string(needed));
    }
    status = check_array(*schema.children[i], *child, name);
    if (!status.ok()) return status;
  }
  if (schema.dictionary == nullptr) return {};
  if (array.dictionary == nullptr) return lies(path, "lacks its dictionary");
  return check_array(*schema.dictionary, *array.dictionary,
                     path + (path.empty() ? "its" : ", its") + " dictionary");
}

}  // namespace

Status check_arrow_schema(const ArrowSchema& schema) {
  return check_schema(schema, "", 1);
}

Status check_arrow_array(const ArrowSchema& schema, const ArrowArray& array) {
  return check_array(schema, array, "");
}

}  // namespace omendb::python
