// Any schema with any array: check, then read every column as vectors, ids and metadata.
//
// Buffers are as long as the interface makes a producer promise, which a reader cannot verify:
// length + offset values, one offset more, as many bytes of text as the last offset says. All else
// may lie: counts, pointers, lengths of parents, offsets, views, indices, run ends, formats.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "batch.h"
#include "check.h"

namespace omendb::python {
namespace {

constexpr const char* kFormats[] = {
    "c",    "C",   "s",   "S",      "i",    "I",        "l",  "L",   "e",     "f",   "g",
    "b",    "u",   "U",   "vu",     "z",    "Z",        "vz", "w:3", "w:0",   "w:x", "+l",
    "+L",   "+vl", "+vL", "+w:2",   "+w:0", "+w:99999", "+s", "+r",  "+m",    "n",   "tsu:",
    "tsn:", "tdD", "tdm", "d:10,2", "tDs",  "tt",       "",   "ts",  "+ud:0",
};

/// The fuzzer's bytes, zeros when they are used up.
class Source {
 public:
  Source(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t byte() { return size_ == 0 ? 0 : (--size_, *data_++); }
  bool rarely() { return byte() % 16 == 15; }
  int64_t wild() {
    int64_t value = 0;
    for (int i = 0; i < 8; ++i)
      value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8 | byte());
    return value;
  }
  bool empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

struct Node {
  ArrowSchema schema{};
  ArrowArray array{};
  std::string format;
  std::vector<std::unique_ptr<uint8_t[]>> heap;
  std::vector<const void*> buffers;
  std::vector<ArrowSchema*> schemas;
  std::vector<ArrowArray*> arrays;
};

class Builder {
 public:
  explicit Builder(Source& source) : source_(source) {}

  Node& build(int depth) {
    Node& node = nodes_.emplace_back();
    node.format = kFormats[source_.byte() % std::size(kFormats)];
    if (depth == 0) node.format = "+s";
    node.schema.format = source_.byte() == 255 ? nullptr : node.format.c_str();
    node.schema.name = source_.rarely() ? nullptr : "vector";
    node.array.length = source_.byte() % 8;
    node.array.offset = source_.byte() % 4;
    node.array.null_count = source_.byte() % 4 - 1;
    if (source_.rarely()) wild_lengths(node);
    children(node, depth);
    buffers(node);
    return node;
  }

 private:
  /// Lengths that no buffer could have, or that only arrays without buffers may claim.
  void wild_lengths(Node& node) {
    const int64_t length = source_.wild();
    const bool bare = node.format == "n" || node.format == "+s";
    if (length < 0 || length > kMaxArrowRows) node.array.length = length;
    if (length >= 0 && bare && node.array.null_count == 0) node.array.length = length % 1000;
    if (source_.rarely()) node.array.offset = -1 - node.array.offset;
  }

  void children(Node& node, int depth) {
    int count = node.format == "+s"     ? 1 + source_.byte() % 3
                : node.format == "+r"   ? 2
                : node.format[0] == '+' ? 1
                                        : 0;
    if (source_.rarely()) count = source_.byte() % 3;
    if (depth > 5) count = 0;
    for (int i = 0; i < count; ++i) {
      Node& child = build(depth + 1);
      node.schemas.push_back(source_.byte() == 255 ? nullptr : &child.schema);
      node.arrays.push_back(source_.byte() == 255 ? nullptr : &child.array);
    }
    node.schema.n_children = count;
    node.schema.children = node.schemas.data();
    node.array.n_children = source_.rarely() ? source_.byte() % (count + 1) : count;
    node.array.children = node.arrays.data();
    if (depth <= 5 && source_.rarely()) {
      Node& dictionary = build(depth + 1);
      node.schema.dictionary = &dictionary.schema;
      node.array.dictionary = source_.rarely() ? nullptr : &dictionary.array;
    }
  }

  uint8_t* add(Node& node, size_t bytes) {
    auto& buffer = node.heap.emplace_back(new uint8_t[bytes]);
    for (size_t i = 0; i < bytes; ++i) buffer[i] = source_.byte() % (i % 4 == 0 ? 32 : 256);
    if (!source_.rarely()) {  // small numbers are more often in range
      for (size_t i = 0; i < bytes; ++i) buffer[i] = i % 4 == 0 ? buffer[i] % 8 : 0;
    }
    node.buffers.push_back(source_.rarely() ? nullptr : buffer.get());
    return buffer.get();
  }

  /// The bytes of text that offsets promise: as many as the last says.
  template <class T>
  void text(Node& node, uint8_t* offsets, size_t values) {
    T last = 0;
    std::memcpy(&last, offsets + values * sizeof(T), sizeof(T));
    last = static_cast<T>(last & 255);
    for (size_t i = 0; i <= values; ++i) {  // none may promise more than there is
      T one = 0;
      std::memcpy(&one, offsets + i * sizeof(T), sizeof(T));
      one = i == values ? last : std::min(one, last);
      std::memcpy(offsets + i * sizeof(T), &one, sizeof(T));
    }
    add(node, static_cast<size_t>(last));
  }

  void buffers(Node& node) {
    const bool sane = node.array.length >= 0 && node.array.length < 1000 && node.array.offset >= 0;
    const size_t values = sane ? static_cast<size_t>(node.array.length + node.array.offset) : 1;
    const std::string_view f = node.format;
    if (f != "n" && f != "+r") add(node, values / 8 + 1);
    if (f == "u" || f == "z") {
      text<int32_t>(node, add(node, (values + 1) * 4), values);
    } else if (f == "U" || f == "Z") {
      text<int64_t>(node, add(node, (values + 1) * 8), values);
    } else if (f == "vu" || f == "vz") {
      views(node, values);
    } else if (f == "+vl" || f == "+vL") {
      add(node, values * 8);
      add(node, values * 8);
    } else if (f != "+s" && f != "n" && f != "+r" && !f.starts_with("+w")) {
      add(node, (values + 1) * 8);
    }
    // Buffers may be fewer than there should be; a count of more than there are is beyond checking.
    const size_t there = node.buffers.size();
    node.array.n_buffers =
        static_cast<int64_t>(source_.rarely() ? source_.byte() % (there + 1) : there);
    node.array.buffers = source_.byte() == 255 ? nullptr : node.buffers.data();
    if (f.starts_with("v")) node.array.n_buffers = static_cast<int64_t>(there);
  }

  void views(Node& node, size_t values) {
    add(node, values * 16);
    std::vector<int64_t> sizes(source_.byte() % 3);
    for (int64_t& size : sizes) add(node, static_cast<size_t>(size = source_.byte()));
    auto& kept = node.heap.emplace_back(new uint8_t[sizes.size() * 8 + 1]);
    if (!sizes.empty()) std::memcpy(kept.get(), sizes.data(), sizes.size() * 8);
    node.buffers.push_back(kept.get());
  }

  Source& source_;
  std::deque<Node> nodes_;
};

/// Touches every byte that a reader was given.
void look_at(const ArrowMatrix& matrix) {
  const auto* bytes = static_cast<const uint8_t*>(matrix.data);
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < matrix.rows * matrix.columns * matrix.item_bytes(); ++i)
    sum = sum ^ bytes[i];
}

void read_all(const ArrowTable& table) {
  (void)table.names();
  (void)table.kinds();
  for (size_t column = 0; column < table.column_count(); ++column) {
    (void)table.type_name(column);
    auto vectors = table.vectors(column);
    if (vectors.ok()) look_at(*vectors);
    auto ids = table.ids(column);
    if (ids.ok() && id_count(*ids) != table.rows()) std::abort();
    auto values = table.column(column, "x");
    if (values.ok() && *values && (*values)->row_count() != table.rows()) std::abort();
  }
  auto vector = table.vector();
  if (vector.ok()) look_at(*vector);
}

}  // namespace
}  // namespace omendb::python

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace omendb::python;
  Source source(data, size);
  Builder builder(source);
  Node& root = builder.build(source.byte() % 4 == 0 ? 1 : 0);
  if (!check_arrow_schema(root.schema).ok()) return 0;
  auto schema = std::make_shared<OwnedSchema>();
  schema->schema = root.schema;
  auto table = ArrowTable::take(schema, root.array);
  if (table.ok()) read_all(**table);
  return 0;
}
