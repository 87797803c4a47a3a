// Rows as an Arrow C stream: of one record batch, or of those of a scan. Numbers, string bytes and
// vectors are lent without a copy; validity and booleans are packed into bits, as Arrow keeps them.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "arrow/abi.h"
#include "rows.h"

namespace omendb::python {
namespace {

/// One Arrow array in the making: what goes into its schema and what goes into its data.
struct Node {
  std::string name;
  std::string format;
  int64_t length = 0;
  int64_t offset = 0;
  int64_t null_count = 0;
  std::vector<const void*> buffers;
  std::vector<Node> children;
};

/// Everything that exported arrays point into; the last of them to be released frees it.
struct Export {
  std::shared_ptr<const RowData> rows;
  std::vector<std::shared_ptr<void>> owned;
  Node root;

  template <class T>
  const T* keep(std::vector<T> values) {
    auto shared = std::make_shared<std::vector<T>>(std::move(values));
    owned.push_back(shared);
    return shared->data();
  }
  /// The lowest bit of each: of what Column::valid holds, kPresent.
  const uint8_t* keep_bits(const std::vector<uint8_t>& flags) {
    std::vector<uint8_t> bits((flags.size() + 7) / 8 + 1, 0);
    for (size_t i = 0; i < flags.size(); ++i) {
      if ((flags[i] & 1) != 0) bits[i / 8] |= static_cast<uint8_t>(1U << (i % 8));
    }
    return keep(std::move(bits));
  }
};

/// Arrow readers may insist on a buffer even where nothing is in it.
const void* or_empty(const void* data) {
  static const uint64_t kNothing[2] = {0, 0};
  return data == nullptr ? kNothing : data;
}

Node leaf(std::string name, std::string format, size_t length, std::vector<const void*> buffers) {
  Node node;
  node.name = std::move(name);
  node.format = std::move(format);
  node.length = static_cast<int64_t>(length);
  for (size_t i = 1; i < buffers.size(); ++i) buffers[i] = or_empty(buffers[i]);
  node.buffers = std::move(buffers);
  return node;
}

/// The elements of a column, whole, without regard to rows.
Node values_node(const Column& column, std::string name, Export* out) {
  const size_t count = column.value_count();
  switch (element_type(column.type)) {
    case ColumnType::kBool:
      return leaf(std::move(name), "b", count, {nullptr, out->keep_bits(column.bools)});
    case ColumnType::kI64: return leaf(std::move(name), "l", count, {nullptr, column.ints.data()});
    case ColumnType::kTimestamp:
      return leaf(std::move(name), "tsu:UTC", count, {nullptr, column.ints.data()});
    case ColumnType::kF64:
      return leaf(std::move(name), "g", count, {nullptr, column.doubles.data()});
    default:
      return leaf(std::move(name), "U", count,
                  {nullptr, column.string_offsets.data(), column.bytes.data()});
  }
}

Node column_node(const Column& column, size_t start, size_t stop, Export* out) {
  Node node;
  if (is_array(column.type)) {
    node = leaf(column.name, "+L", 0, {nullptr, column.list_offsets.data()});
    node.children.push_back(values_node(column, "item", out));
  } else {
    node = values_node(column, column.name, out);
  }
  node.length = static_cast<int64_t>(stop - start);
  node.offset = static_cast<int64_t>(start);
  if (!column.valid.empty()) {
    node.buffers[0] = out->keep_bits(column.valid);
    for (size_t row = start; row < stop; ++row) node.null_count += column.is_valid(row) ? 0 : 1;
  }
  return node;
}

Node id_node(const Ids& ids, size_t start, size_t stop, Export* out) {
  if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&ids)) {
    return leaf("id", "L", stop - start, {nullptr, numbers->data() + start});
  }
  const auto& strings = std::get<std::vector<std::string>>(ids);
  std::vector<int64_t> offsets = {0};
  std::vector<char> bytes;
  for (size_t row = start; row < stop; ++row) {
    bytes.insert(bytes.end(), strings[row].begin(), strings[row].end());
    offsets.push_back(static_cast<int64_t>(bytes.size()));
  }
  const void* offset_data = out->keep(std::move(offsets));
  return leaf("id", "U", stop - start, {nullptr, offset_data, out->keep(std::move(bytes))});
}

/// Says which of the rows are null.
/// @param present  of all rows; empty = every row has a value.
void add_nulls(const std::vector<uint8_t>& present, size_t start, size_t stop, Node* node,
               Export* out) {
  if (present.empty()) return;
  const auto at = [&](size_t row) { return present.begin() + static_cast<ptrdiff_t>(row); };
  node->null_count = std::count(at(start), at(stop), uint8_t{0});
  node->buffers[0] = out->keep_bits({at(start), at(stop)});
}

Node vector_node(const std::string& name, Element element, const std::vector<std::byte>& vectors,
                 size_t row_bytes, size_t start, size_t stop) {
  const std::byte* data = vectors.data() + start * row_bytes;
  if (element == Element::kBinary) {
    return leaf(name, "w:" + std::to_string(row_bytes), stop - start, {nullptr, data});
  }
  const size_t dim = row_bytes / vector_bytes(element, 1);
  const char* format = element == Element::kF32 ? "f" : element == Element::kF16 ? "e" : "c";
  Node node = leaf(name, "+w:" + std::to_string(dim), stop - start, {nullptr});
  node.children.push_back(leaf("item", format, (stop - start) * dim, {nullptr, data}));
  return node;
}

/// A column "vector", or one a vector field, which is called as the field is.
void add_vector_columns(size_t start, size_t stop, Export* out) {
  const RowData& rows = *out->rows;
  if (rows.points.fields.empty() && rows.with_vectors && rows.points.dim != 0) {
    out->root.children.push_back(vector_node("vector", rows.points.element, rows.points.vectors,
                                             rows.row_bytes(), start, stop));
  }
  for (const PointVectors& field : rows.points.fields) {
    if (field.dim == 0) {  // no point has one yet, and of what size it will be is not known
      Node none = leaf(field.field, "n", stop - start, {});
      none.null_count = none.length;
      out->root.children.push_back(std::move(none));
      continue;
    }
    Node node =
        vector_node(field.field, field.element, field.vectors, rows.row_bytes(field), start, stop);
    add_nulls(field.present, start, stop, &node, out);
    out->root.children.push_back(std::move(node));
  }
}

/// Which query each hit answers, and its place among that query's hits, both from 0.
void add_query_columns(size_t start, size_t stop, Export* out) {
  std::vector<int64_t> query;
  std::vector<int64_t> rank;
  const std::vector<uint64_t>& offsets = out->rows->offsets;
  for (size_t q = 0; q + 1 < offsets.size(); ++q) {
    for (uint64_t row = std::max<uint64_t>(offsets[q], start);
         row < std::min<uint64_t>(offsets[q + 1], stop); ++row) {
      query.push_back(static_cast<int64_t>(q));
      rank.push_back(static_cast<int64_t>(row - offsets[q]));
    }
  }
  out->root.children.push_back(
      leaf("query", "l", stop - start, {nullptr, out->keep(std::move(query))}));
  out->root.children.push_back(
      leaf("rank", "l", stop - start, {nullptr, out->keep(std::move(rank))}));
}

// ---- The C structs
// -------------------------------------------------------------------------------

struct SchemaPrivate {
  std::string name;
  std::string format;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
};

void release_schema(ArrowSchema* schema) {
  auto* mine = static_cast<SchemaPrivate*>(schema->private_data);
  for (ArrowSchema& child : mine->children) {
    if (child.release != nullptr) child.release(&child);
  }
  schema->release = nullptr;
  delete mine;
}

void fill_schema(const Node& node, ArrowSchema* out) {
  auto mine = std::make_unique<SchemaPrivate>();
  mine->name = node.name;
  mine->format = node.format;
  mine->children.resize(node.children.size());
  for (size_t i = 0; i < node.children.size(); ++i) {
    fill_schema(node.children[i], &mine->children[i]);
    mine->child_pointers.push_back(&mine->children[i]);
  }
  *out = ArrowSchema{};
  out->format = mine->format.c_str();
  out->name = mine->name.c_str();
  out->flags = ARROW_FLAG_NULLABLE;
  out->n_children = static_cast<int64_t>(node.children.size());
  out->children = mine->child_pointers.data();
  out->release = release_schema;
  out->private_data = mine.release();
}

struct ArrayPrivate {
  std::shared_ptr<const Export> share;
  std::vector<const void*> buffers;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
};

void release_array(ArrowArray* array) {
  auto* mine = static_cast<ArrayPrivate*>(array->private_data);
  for (ArrowArray& child : mine->children) {
    if (child.release != nullptr) child.release(&child);
  }
  array->release = nullptr;
  delete mine;
}

void fill_array(const std::shared_ptr<const Export>& share, const Node& node, ArrowArray* out) {
  auto mine = std::make_unique<ArrayPrivate>();
  mine->share = share;
  mine->buffers = node.buffers;
  mine->children.resize(node.children.size());
  for (size_t i = 0; i < node.children.size(); ++i) {
    fill_array(share, node.children[i], &mine->children[i]);
    mine->child_pointers.push_back(&mine->children[i]);
  }
  *out = ArrowArray{};
  out->length = node.length;
  out->null_count = node.null_count;
  out->offset = node.offset;
  out->n_buffers = static_cast<int64_t>(mine->buffers.size());
  out->buffers = mine->buffers.data();
  out->n_children = static_cast<int64_t>(node.children.size());
  out->children = mine->child_pointers.data();
  out->release = release_array;
  out->private_data = mine.release();
}

/// Where a stream stands.
struct StreamPrivate {
  std::shared_ptr<const Export> schema;  ///< its root has the columns of every batch
  std::function<Result<std::shared_ptr<const Export>>()> next;  ///< null at the end
  std::string error;
};

StreamPrivate* stream_of(ArrowArrayStream* stream) {
  return static_cast<StreamPrivate*>(stream->private_data);
}

int stream_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  try {
    fill_schema(stream_of(stream)->schema->root, out);
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

/// The errno that tells a consumer what kind of error it is: pyarrow raises MemoryError for ENOMEM,
/// ValueError for EINVAL and OSError for EIO.
int errno_of(StatusCode code) {
  switch (code) {
    case StatusCode::kOutOfMemory: return ENOMEM;
    case StatusCode::kInvalidArgument:
    case StatusCode::kClosed: return EINVAL;
    default: return EIO;
  }
}

int stream_next(ArrowArrayStream* stream, ArrowArray* out) {
  StreamPrivate* mine = stream_of(stream);
  *out = ArrowArray{};
  mine->error.clear();
  try {
    auto batch = mine->next();
    if (!batch.ok()) {
      mine->error = batch.status().message();
      return errno_of(batch.status().code());
    }
    if (*batch != nullptr) fill_array(*batch, (*batch)->root, out);
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

const char* stream_error(ArrowArrayStream* stream) {
  const std::string& error = stream_of(stream)->error;
  return error.empty() ? "out of memory" : error.c_str();
}

void release_stream(ArrowArrayStream* stream) {
  delete stream_of(stream);
  stream->release = nullptr;
}

/// The capsule owns the stream until a consumer moves it out.
void drop_capsule(PyObject* capsule) {
  auto* stream =
      static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, "arrow_array_stream"));
  if (stream->release != nullptr) stream->release(stream);
  delete stream;
}

nb::capsule stream_capsule(StreamPrivate mine) {
  auto stream = std::make_unique<ArrowArrayStream>();
  *stream = ArrowArrayStream{stream_schema, stream_next, stream_error, release_stream,
                             new StreamPrivate(std::move(mine))};
  PyObject* capsule = PyCapsule_New(stream.get(), "arrow_array_stream", drop_capsule);
  if (capsule == nullptr) {
    stream->release(stream.get());
    throw nb::python_error();
  }
  stream.release();
  return nb::steal<nb::capsule>(capsule);
}

/// Rows [start, stop) as one struct array.
std::shared_ptr<const Export> export_rows(std::shared_ptr<const RowData> rows, size_t start,
                                          size_t stop, bool with_query) {
  auto share = std::make_shared<Export>();
  share->rows = std::move(rows);
  const RowData& data = *share->rows;
  Node& root = share->root;
  root = leaf("", "+s", stop - start, {nullptr});
  if (with_query) add_query_columns(start, stop, share.get());
  root.children.push_back(id_node(data.points.ids, start, stop, share.get()));
  if (!data.offsets.empty()) {
    root.children.push_back(
        leaf("distance", "f", stop - start, {nullptr, data.distances.data() + start}));
  }
  add_vector_columns(start, stop, share.get());
  const size_t ours = root.children.size();
  for (const Column& column : data.points.metadata) {
    Node node = column_node(column, start, stop, share.get());
    const bool taken =
        std::any_of(root.children.begin(), root.children.begin() + static_cast<ptrdiff_t>(ours),
                    [&](const Node& other) { return other.name == node.name; });
    if (taken) node.name = "metadata." + node.name;
    root.children.push_back(std::move(node));
  }
  return share;
}

}  // namespace

nb::capsule Rows::arrow_stream(size_t start, size_t stop, bool with_query) const {
  check_range(start, stop);
  auto share = export_rows(data_, start, stop, with_query);
  auto once = [share, done = false]() mutable -> Result<std::shared_ptr<const Export>> {
    return std::exchange(done, true) ? nullptr : share;
  };
  return stream_capsule({share, std::move(once), {}});
}

nb::capsule arrow_stream_of(std::shared_ptr<const RowData> like,
                            std::function<Result<std::shared_ptr<const RowData>>()> next) {
  auto exported = [](std::shared_ptr<const RowData> data) {
    const size_t count = data->count();
    return export_rows(std::move(data), 0, count, false);
  };
  auto schema = exported(std::move(like));
  auto batches = [schema, next = std::move(next),
                  exported]() mutable -> Result<std::shared_ptr<const Export>> {
    auto data = next();
    if (!data.ok()) return data.status();
    if ((*data)->count() == 0) return std::shared_ptr<const Export>();
    if (schema != nullptr && schema->rows == *data) return std::exchange(schema, nullptr);
    return exported(std::move(data).value());
  };
  return stream_capsule({schema, std::move(batches), {}});
}

}  // namespace omendb::python
