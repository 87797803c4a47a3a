// omendb._core: the C++ API in Python, function by function. What has to be fast is here; what
// makes the package convenient is in its Python files.
#include "arrow_in.h"
#include "collection.h"
#include "columns.h"
#include "common.h"
#include "folder.h"
#include "rows.h"

namespace omendb::python {
namespace {

std::unique_ptr<Database> open(const std::string& path, bool reader, int durability,
                               uint64_t interval_ms, bool create,
                               std::optional<size_t> memtable_bytes, uint64_t lock_timeout_ms) {
  OpenOptions options;
  if (reader) options.mode = OpenMode::kRead;
  options.durability = static_cast<Durability>(durability);
  options.interval_ms = interval_ms;
  options.create_if_missing = create;
  if (memtable_bytes) options.memtable_bytes = *memtable_bytes;
  options.lock_timeout_ms = lock_timeout_ms;
  auto db = without_gil([&] { return Database::open(path, options); });
  return std::make_unique<Database>(unwrap(std::move(db)));
}

FilterValue filter_value(nb::handle value) {
  PyObject* p = value.ptr();
  if (value.is_none()) return nullptr;
  if (PyBool_Check(p)) return p == Py_True;
  if (PyLong_Check(p)) {
    int64_t integer = 0;
    if (nb::try_cast(value, integer)) return integer;
    return nb::cast<uint64_t>(value);
  }
  if (PyFloat_Check(p)) return PyFloat_AS_DOUBLE(p);
  if (nb::isinstance<FilterTime>(value)) return nb::cast<FilterTime>(value);
  return nb::cast<std::string>(value);
}

Filter::Compare compare_of(std::string_view op) {
  using Compare = Filter::Compare;
  if (op == "=") return Compare::kEq;
  if (op == "!=") return Compare::kNe;
  if (op == "<") return Compare::kLt;
  if (op == "<=") return Compare::kLe;
  return op == ">" ? Compare::kGt : Compare::kGe;
}

void bind_filter(nb::module_& m) {
  Class<FilterTime>(m, "FilterTime", "Microseconds since 1970-01-01T00:00:00Z, in a filter.")
      .def(
          "__init__", [](FilterTime* self, int64_t micros) { new (self) FilterTime{micros}; },
          nb::arg("micros"))
      .def_prop_ro("micros", [](const FilterTime& time) { return time.micros; });

  Class<Filter>(m, "Filter", "A parsed filter; immutable.")
      .def_static(
          "parse", [](const std::string& text) { return unwrap(Filter::parse(text)); },
          nb::arg("text"))
      .def_static(
          "compare",
          [](std::string column, std::string_view op, nb::handle value) {
            return Filter::compare(std::move(column), compare_of(op), filter_value(value));
          },
          nb::arg("column"), nb::arg("op"), nb::arg("value").none(),
          nb::sig(
              "def compare(column: str, op: str, value: bool | int | float | str | FilterTime | "
              "None) -> Filter"))
      .def_static(
          "one_of",
          [](std::string column, nb::list values) {
            std::vector<FilterValue> out;
            for (nb::handle value : values) out.push_back(filter_value(value));
            return Filter::in(std::move(column), std::move(out));
          },
          nb::arg("column"), nb::arg("values"),
          nb::sig(
              "def one_of(column: str, values: list[bool | int | float | str | FilterTime | None]) "
              "-> Filter"))
      .def_static("like", &Filter::like, nb::arg("column"), nb::arg("pattern"))
      .def_static("ilike", &Filter::ilike, nb::arg("column"), nb::arg("pattern"))
      .def_static(
          "size",
          [](std::string column, std::string_view op, int64_t count) {
            return Filter::size(std::move(column), compare_of(op), count);
          },
          nb::arg("column"), nb::arg("op"), nb::arg("count"))
      .def_static(
          "between",
          [](std::string column, nb::handle low, nb::handle high) {
            return Filter::between(std::move(column), filter_value(low), filter_value(high));
          },
          nb::arg("column"), nb::arg("low"), nb::arg("high"),
          nb::sig(
              "def between(column: str, low: bool | int | float | str | FilterTime, high: bool | "
              "int | float | str | FilterTime) -> Filter"))
      .def_static("is_null", &Filter::is_null, nb::arg("column"))
      .def_static(
          "contains",
          [](std::string column, nb::handle value) {
            return Filter::contains(std::move(column), filter_value(value));
          },
          nb::arg("column"), nb::arg("value"),
          nb::sig("def contains(column: str, value: bool | int | float | str | FilterTime) -> "
                  "Filter"))
      .def_static("all_of", &Filter::all_of, nb::arg("parts"))
      .def_static("any_of", &Filter::any_of, nb::arg("parts"))
      .def_static("negate", &Filter::negate, nb::arg("part"))
      .def_static("complement", &Filter::complement, nb::arg("part"))
      .def_prop_ro("empty", &Filter::empty)
      .def("__str__", &Filter::to_string)
      .def("__repr__", [](const Filter& f) { return "<omendb filter: " + f.to_string() + ">"; });
}

/// An exception of the callback ends the snapshot and comes out of it.
void snapshot(Database& db, const std::string& path, const nb::object& progress) {
  SnapshotOptions options;
  std::exception_ptr raised;
  if (!progress.is_none()) {
    options.progress = [&](const SnapshotProgress& now) {
      const nb::gil_scoped_acquire gil;
      try {
        const nb::object go_on = progress(now.bytes_done, now.bytes);
        return go_on.is_none() || nb::cast<bool>(nb::bool_(go_on));
      } catch (...) {
        raised = std::current_exception();
        return false;
      }
    };
  }
  const Status made = without_gil([&] { return db.snapshot(path, options); });
  if (raised) std::rethrow_exception(raised);
  unwrap(made);
}

void bind_database(nb::module_& m) {
  Class<Database>(m, "Database", "An open database folder.")
      .def("collection", &open_collection, nb::arg("name"), nb::arg("dim"),
           nb::arg("metric").none(), nb::arg("dtype").none(), nb::arg("fields"), nb::arg("create"),
           nb::sig(
               "def collection(self, name: str, dim: int, metric: str | None, dtype: str | None, "
               "fields: collections.abc.Sequence[tuple[str, int, str | None, str | None]], create: "
               "bool) -> Collection"))
      .def("collection_names",
           [](Database& db) { return unwrap(without_gil([&] { return db.collection_names(); })); })
      .def(
          "drop_collection",
          [](Database& db, const std::string& name) {
            unwrap(without_gil([&] { return db.drop_collection(name); }));
          },
          nb::arg("name"))
      .def("compact", [](Database& db) { unwrap(without_gil([&] { return db.compact(); })); })
      .def("flush", [](Database& db) { unwrap(without_gil([&] { return db.flush(); })); })
      .def("snapshot", &snapshot, nb::arg("path"), nb::arg("progress").none(),
           nb::sig("def snapshot(self, path: str, progress: typing.Callable[[int, int], "
                   "object] | None) -> None"))
      .def("close", [](Database& db) { unwrap(without_gil([&] { return db.close(); })); })
      .def_prop_ro("path", &Database::path)
      .def_prop_ro("recovery_notes", &Database::recovery_notes);
}

}  // namespace
}  // namespace omendb::python

NB_MODULE(_core, m) {
  using namespace omendb::python;  // NOLINT: the module's own namespace
  m.doc() = "OmenDB's engine, one to one. Use the omendb package instead.";
  nb::set_leak_warnings(false);  // what lives until exit is the user's business
  watch_exit();
  bind_filter(m);
  bind_folder(m);
  bind_columns(m);
  bind_rows(m);
  bind_arrow(m);
  bind_database(m);
  bind_collection(m);
  m.def("open", &open, nb::arg("path"), nb::arg("reader"), nb::arg("durability"),
        nb::arg("interval_ms"), nb::arg("create"), nb::arg("memtable_bytes").none(),
        nb::arg("lock_timeout_ms"), kCall);
  m.def("version", &omendb::version);
  m.def("active_isa", &omendb::active_isa);
  m.def("supported_isas", [] {
    std::vector<std::string> out;
    for (std::string_view name : omendb::supported_isas()) out.emplace_back(name);
    return out;
  });
  m.attr("compiler") = OMENDB_COMPILER;
  m.attr("MAX_BATCH_BYTES") = omendb::kMaxBatchBytes;
}
