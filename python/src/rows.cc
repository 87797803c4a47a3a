#include "rows.h"

namespace omendb::python {
namespace {

nb::dlpack::dtype dtype_of(Element element) {
  switch (element) {
    case Element::kF16: return {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 16, 1};
    case Element::kI8: return nb::dtype<int8_t>();
    case Element::kBinary: return nb::dtype<uint8_t>();
    default: return nb::dtype<float>();
  }
}

size_t item_bytes(Element element) {
  return element == Element::kF32 ? 4 : element == Element::kF16 ? 2 : 1;
}

}  // namespace

void Rows::check_row(size_t row) const {
  if (row >= data_->count()) throw nb::index_error("row out of range");
}

void Rows::check_range(size_t start, size_t stop) const {
  if (start > stop || stop > data_->count()) throw nb::index_error("rows out of range");
}

nb::object Rows::keep_alive() const {
  using Share = std::shared_ptr<const RowData>;
  return nb::capsule(new Share(data_), [](void* p) noexcept { delete static_cast<Share*>(p); });
}

std::pair<size_t, size_t> Rows::bounds(size_t query) const {
  if (query + 1 >= data_->offsets.size()) throw nb::index_error("query out of range");
  return {data_->offsets[query], data_->offsets[query + 1]};
}

nb::object Rows::id(size_t row) const {
  check_row(row);
  if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&data_->points.ids)) {
    return nb::cast((*numbers)[row]);
  }
  return to_str(std::get<std::vector<std::string>>(data_->points.ids)[row]);
}

nb::tuple Rows::hit(size_t row) const {
  check_row(row);
  return nb::make_tuple(id(row), data_->distances[row]);
}

nb::object Rows::ids(size_t start, size_t stop) const {
  check_range(start, stop);
  if (const auto* numbers = std::get_if<std::vector<uint64_t>>(&data_->points.ids)) {
    using View = nb::ndarray<nb::numpy, const uint64_t, nb::ndim<1>>;
    return nb::cast(View(numbers->data() + start, {stop - start}, keep_alive()));
  }
  const auto& strings = std::get<std::vector<std::string>>(data_->points.ids);
  nb::list out;
  for (size_t row = start; row < stop; ++row) out.append(to_str(strings[row]));
  return out;
}

nb::object Rows::distances(size_t start, size_t stop) const {
  check_range(start, stop);
  using View = nb::ndarray<nb::numpy, const float, nb::ndim<1>>;
  return nb::cast(View(data_->distances.data() + start, {stop - start}, keep_alive()));
}

double Rows::score(size_t row) const {
  check_row(row);
  return omendb::score(data_->metric, data_->dim, data_->distances[row]);
}

nb::object Rows::scores(size_t start, size_t stop) const {
  check_range(start, stop);
  auto owned = std::make_unique<std::vector<float>>();
  for (size_t row = start; row < stop; ++row) owned->push_back(static_cast<float>(score(row)));
  float* data = owned->data();
  nb::capsule owner(owned.release(),
                    [](void* p) noexcept { delete static_cast<std::vector<float>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, float, nb::ndim<1>>(data, {stop - start}, owner));
}

nb::object Rows::offsets() const {
  using View = nb::ndarray<nb::numpy, const uint64_t, nb::ndim<1>>;
  return nb::cast(View(data_->offsets.data(), {data_->offsets.size()}, keep_alive()));
}

nb::object Rows::matrix(const std::vector<std::byte>& vectors, Element element, size_t row_bytes,
                        size_t start, size_t stop) const {
  const size_t shape[2] = {stop - start, row_bytes / item_bytes(element)};
  using View = nb::ndarray<nb::numpy, nb::ro>;
  return nb::cast(
      View(vectors.data() + start * row_bytes, 2, shape, keep_alive(), nullptr, dtype_of(element)));
}

nb::object Rows::row_of(const std::vector<std::byte>& vectors, Element element, size_t row) const {
  const size_t row_bytes = vectors.size() / data_->count();
  const size_t shape[1] = {row_bytes / item_bytes(element)};
  using View = nb::ndarray<nb::numpy, nb::ro>;
  return nb::cast(
      View(vectors.data() + row * row_bytes, 1, shape, keep_alive(), nullptr, dtype_of(element)));
}

nb::object Rows::vectors(size_t start, size_t stop) const {
  check_range(start, stop);
  if (!data_->points.fields.empty()) {
    nb::dict out;
    for (const PointVectors& field : data_->points.fields) {
      out[to_str(field.field)] =
          matrix(field.vectors, field.element, data_->row_bytes(field), start, stop);
    }
    return out;
  }
  if (!data_->with_vectors) return nb::none();
  return matrix(data_->points.vectors, data_->points.element, data_->row_bytes(), start, stop);
}

nb::dict Rows::lacking(size_t start, size_t stop) const {
  check_range(start, stop);
  nb::dict out;
  for (const PointVectors& field : data_->points.fields) {
    auto absent = std::make_unique<std::vector<uint8_t>>();
    bool any = false;
    for (size_t row = start; row < stop; ++row) {
      absent->push_back(field.has(row) ? 0 : 1);
      any = any || absent->back() != 0;
    }
    if (!any) continue;
    auto* data = reinterpret_cast<bool*>(absent->data());
    nb::capsule owner(absent.release(),
                      [](void* p) noexcept { delete static_cast<std::vector<uint8_t>*>(p); });
    using View = nb::ndarray<nb::numpy, bool, nb::ndim<1>>;
    out[to_str(field.field)] = nb::cast(View(data, {stop - start}, owner));
  }
  return out;
}

nb::object Rows::vector(size_t row) const {
  check_row(row);
  const std::vector<PointVectors>& fields = data_->points.fields;
  if (fields.size() > 1) {
    std::string names;
    for (const PointVectors& field : fields) names += (names.empty() ? "" : ", ") + field.field;
    raise(StatusCode::kInvalidArgument,
          "the point has several vectors (" + names + "); take one of .vectors by its field");
  }
  if (fields.size() == 1) {
    if (!fields[0].has(row)) return nb::none();
    return row_of(fields[0].vectors, fields[0].element, row);
  }
  if (!data_->with_vectors) return nb::none();
  return row_of(data_->points.vectors, data_->points.element, row);
}

nb::dict Rows::fields(size_t row) const {
  check_row(row);
  nb::dict out;
  for (const PointVectors& field : data_->points.fields) {
    out[to_str(field.field)] =
        field.has(row) ? row_of(field.vectors, field.element, row) : nb::none();
  }
  return out;
}

nb::dict Rows::metadata(size_t row) const {
  check_row(row);
  nb::dict out;
  for (const Column& column : data_->points.metadata) {
    if (column.state(row) != kAbsent) out[to_str(column.name)] = value_at(column, row);
  }
  return out;
}

std::vector<std::string> Rows::columns() const {
  std::vector<std::string> out;
  for (const Column& column : data_->points.metadata) out.push_back(column.name);
  return out;
}

nb::list Rows::column(std::string_view name, size_t start, size_t stop) const {
  check_range(start, stop);
  for (const Column& column : data_->points.metadata) {
    if (column.name != name) continue;
    nb::list out;
    for (size_t row = start; row < stop; ++row) out.append(value_at(column, row));
    return out;
  }
  raise(StatusCode::kNotFound, "no column \"" + std::string(name) + "\" was returned");
}

void bind_rows(nb::module_& m) {
  Class<Rows>(m, "Rows", "The rows of one answer; immutable.")
      .def("__len__", [](const Rows& r) { return r.data().count(); })
      .def_prop_ro(
          "queries",
          [](const Rows& r) { return r.data().offsets.empty() ? 0 : r.data().offsets.size() - 1; })
      .def(
          "bounds",
          [](const Rows& r, size_t query) {
            const auto [start, stop] = r.bounds(query);
            return nb::make_tuple(start, stop);
          },
          nb::arg("query"), nb::sig("def bounds(self, query: int) -> tuple[int, int]"))
      .def("id", &Rows::id, nb::arg("row"), nb::sig("def id(self, row: int) -> int | str"))
      .def("hit", &Rows::hit, nb::arg("row"),
           nb::sig("def hit(self, row: int) -> tuple[int | str, float]"))
      .def("ids", &Rows::ids, nb::arg("start"), nb::arg("stop"),
           nb::sig("def ids(self, start: int, stop: int) -> typing.Any"))
      .def("distances", &Rows::distances, nb::arg("start"), nb::arg("stop"),
           nb::sig("def distances(self, start: int, stop: int) -> typing.Any"))
      .def("score", &Rows::score, nb::arg("row"))
      .def("scores", &Rows::scores, nb::arg("start"), nb::arg("stop"),
           nb::sig("def scores(self, start: int, stop: int) -> typing.Any"))
      .def_prop_ro("offsets", &Rows::offsets, nb::sig("def offsets(self) -> typing.Any"))
      .def("vectors", &Rows::vectors, nb::arg("start"), nb::arg("stop"),
           nb::sig("def vectors(self, start: int, stop: int) -> typing.Any"))
      .def("lacking", &Rows::lacking, nb::arg("start"), nb::arg("stop"),
           nb::sig("def lacking(self, start: int, stop: int) -> dict[str, typing.Any]"))
      .def("vector", &Rows::vector, nb::arg("row"),
           nb::sig("def vector(self, row: int) -> typing.Any"))
      .def("fields", &Rows::fields, nb::arg("row"),
           nb::sig("def fields(self, row: int) -> dict[str, typing.Any]"))
      .def("metadata", &Rows::metadata, nb::arg("row"),
           nb::sig("def metadata(self, row: int) -> dict[str, typing.Any]"))
      .def_prop_ro("columns", &Rows::columns)
      .def("column", &Rows::column, nb::arg("name"), nb::arg("start"), nb::arg("stop"),
           nb::sig("def column(self, name: str, start: int, stop: int) -> list[typing.Any]"))
      .def("arrow_stream", &Rows::arrow_stream, nb::arg("start"), nb::arg("stop"),
           nb::arg("with_query"),
           nb::sig("def arrow_stream(self, start: int, stop: int, with_query: bool) -> object"));
}

}  // namespace omendb::python
