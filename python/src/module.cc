// omendb._core: the C++ API as Python sees it, one to one. What is pleasant about the package lives
// in its Python files; what has to be fast lives here.
#include <algorithm>
#include <deque>
#include <mutex>

#include "arrow_in.h"
#include "columns.h"
#include "common.h"
#include "folder.h"
#include "rows.h"

namespace omendb::python {
namespace {

/// A scan, safe to share among threads.
class SharedScan {
 public:
  SharedScan(Scan scan, Element element) : scan_(std::move(scan)), element_(element) {}

  std::optional<Rows> next() {
    auto points = without_gil([&] {
      std::lock_guard lock(mutex_);
      return scan_.next();
    });
    RowData data{
        .points = unwrap(std::move(points)), .element = element_, .distances = {}, .offsets = {}};
    if (data.count() == 0) return std::nullopt;
    return Rows(std::move(data));
  }

 private:
  std::mutex mutex_;
  Scan scan_;
  Element element_;
};

/// Vectors by field, lent by Python for a call: from a list of (name, vectors, bits).
struct LentFields {
  explicit LentFields(const nb::list& fields) {
    for (nb::handle field : fields) {
      names.push_back(nb::cast<std::string>(field[0]));
      bits.push_back(nb::cast<size_t>(field[2]));
      vectors.emplace_back(nb::object(field[1]), bits.back());
    }
  }
  std::vector<std::string> names;
  std::vector<size_t> bits;
  std::deque<VectorsIn> vectors;
};

class PyCollection {
 public:
  /// @param info  as of now; of the fields, the names and the types are for good.
  PyCollection(Collection collection, const CollectionInfo& info)
      : collection_(std::move(collection)), element_(info.element), fields_(info.fields) {}

  nb::object write(nb::handle vectors, size_t bits, nb::handle ids, const Columns* metadata,
                   bool upsert, uint64_t first_row) {
    VectorsIn vectors_in(vectors, bits);
    return put(ids, metadata, upsert, first_row, [&](WriteBatch& batch) {
      batch.vectors = fitted_to_dim(vectors_in.view(), bits, "");
    });
  }

  /// @param fields  (name, vectors, bits) of each.
  nb::object write_fields(nb::list fields, nb::handle ids, const Columns* metadata, bool upsert,
                          uint64_t first_row) {
    const LentFields lent(fields);
    std::vector<FieldVectors> vectors;
    return put(ids, metadata, upsert, first_row, [&](WriteBatch& batch) {
      vectors = fitted(lent);
      batch.fields = vectors;
    });
  }

  uint64_t delete_ids(nb::handle ids) {
    IdsIn in(ids);
    return unwrap(without_gil([&] { return collection_.delete_ids(in.view()); }));
  }

  uint64_t delete_where(const Filter& where) {
    return unwrap(without_gil([&] { return collection_.delete_where(where); }));
  }

  /// Exactly one of ids and where.
  /// @param fields  (name, vectors, bits) of each that changes; the name of the unnamed one is "".
  uint64_t update(nb::handle ids, const Filter* where, nb::list fields, const Columns* metadata,
                  bool all_must_exist) {
    IdsIn ids_in(ids);
    const LentFields lent(fields);
    return unwrap(without_gil([&] {
      const std::vector<FieldVectors> vectors = fitted(lent);
      PointUpdate change{.fields = vectors, .all_must_exist = all_must_exist};
      if (metadata != nullptr) change.metadata = metadata->columns();
      return where != nullptr ? collection_.update_where(*where, change)
                              : collection_.update_ids(ids_in.view(), change);
    }));
  }

  nb::tuple get(nb::handle ids, bool vectors, const std::vector<std::string>& vector_fields,
                const std::vector<std::string>& fields) const {
    IdsIn in(ids);
    auto got = unwrap(without_gil([&] {
      return collection_.get(
          in.view(), {.with_vectors = vectors, .vector_fields = vector_fields, .columns = fields});
    }));
    nb::bytes found(reinterpret_cast<const char*>(got.found.data()), got.found.size());
    return nb::make_tuple(found, Rows({.points = std::move(got.points),
                                       .element = element_,
                                       .distances = {},
                                       .offsets = {}}));
  }

  uint64_t count(const Filter* where) const {
    return unwrap(
        without_gil([&] { return collection_.count(where != nullptr ? *where : Filter()); }));
  }

  /// (column, message) of each name in the filter that no point has.
  std::vector<std::pair<std::string, std::string>> filter_warnings(const Filter& where) const {
    std::vector<std::pair<std::string, std::string>> out;
    for (FilterWarning& warning : unwrap(collection_.filter_warnings(where))) {
      out.emplace_back(std::move(warning.column), std::move(warning.message));
    }
    return out;
  }

  std::unique_ptr<SharedScan> scan(const Filter* where, size_t batch_size, bool vectors,
                                   const std::vector<std::string>& vector_fields,
                                   const std::vector<std::string>& fields) const {
    ScanOptions options;
    if (where != nullptr) options.where = *where;
    options.batch_size = batch_size;
    options.with_vectors = vectors;
    options.vector_fields = vector_fields;
    options.columns = fields;
    auto scan = unwrap(without_gil([&] { return collection_.scan(options); }));
    return std::make_unique<SharedScan>(std::move(scan), element_);
  }

  Rows search(nb::handle queries, size_t bits, size_t k, const Filter* where, bool exact,
              double recall, size_t effort, std::optional<double> radius, bool vectors,
              const std::vector<std::string>& fields, const std::string& field,
              const std::vector<std::string>& vector_fields, uint64_t timeout_ms) const {
    VectorsIn in(queries, bits);
    SearchOptions options;
    options.k = k;
    if (where != nullptr) options.where = *where;
    options.exact = exact;
    options.recall = recall;
    options.effort = effort;
    options.radius = radius;
    options.timeout_ms = timeout_ms;
    options.with_vectors = vectors;
    options.columns = fields;
    options.field = field;
    options.vector_fields = vector_fields;
    auto found = unwrap(without_gil(
        [&] { return collection_.search(fitted_to_dim(in.view(), bits, field), options); }));
    return Rows({.points = std::move(found.points),
                 .element = element_,
                 .distances = std::move(found.distances),
                 .offsets = std::move(found.offsets)});
  }

  nb::dict info() const {
    const CollectionInfo info = unwrap(without_gil([&] { return collection_.info(); }));
    nb::dict columns;
    for (const auto& [name, type] : info.columns) columns[to_str(name)] = column_type_name(type);
    nb::dict vectors;
    for (const VectorField& field : info.fields) {
      nb::dict one;
      one["dim"] = field.dim;
      one["metric"] = metric_name(field.metric);
      one["dtype"] = element_name(field.element);
      vectors[to_str(field.name)] = one;
    }
    nb::dict out;
    out["vectors"] = vectors;
    out["name"] = info.name;
    out["dim"] = info.dim;
    out["metric"] = metric_name(info.metric);
    out["dtype"] = element_name(info.element);
    out["id_type"] =
        info.id_kind ? nb::cast(*info.id_kind == IdKind::kU64 ? "u64" : "str") : nb::none();
    out["columns"] = columns;
    out["points"] = info.points;
    out["memory_points"] = info.memory_points;
    out["segments"] = info.segments;
    out["segment_points"] = info.segment_points;
    out["indexed_points"] = info.indexed_points;
    out["segment_bytes"] = info.segment_bytes;
    out["waiting_seals"] = info.waiting_seals;
    nb::list jobs;
    for (const JobInfo& job : info.jobs) {
      static constexpr const char* kKinds[] = {"", "seal", "merge", "index"};
      const char* kind = kKinds[static_cast<size_t>(job.kind)];
      jobs.append(nb::make_tuple(kind, job.rows_done, job.rows_total));
    }
    out["jobs"] = jobs;
    return out;
  }

  std::string_view element() const { return element_name(element_); }
  /// The named vector fields and their element types.
  nb::dict fields() const {
    nb::dict out;
    for (const VectorField& f : fields_) out[to_str(f.name)] = element_name(f.element);
    return out;
  }
  /// @param timeout_ms  less than 0 waits as long as it takes.
  void optimize(int64_t timeout_ms) {
    std::optional<uint64_t> timeout;
    if (timeout_ms >= 0) timeout = static_cast<uint64_t>(timeout_ms);
    unwrap(without_gil([&] { return collection_.optimize(timeout); }));
  }
  void compact() {
    unwrap(without_gil([&] { return collection_.compact(); }));
  }

 private:
  /// add and upsert.
  /// @param fill  gives the batch its vectors; called without the GIL.
  template <class Fill>
  nb::object put(nb::handle ids, const Columns* metadata, bool upsert, uint64_t first_row,
                 Fill fill) {
    IdsIn ids_in(ids);
    auto written = without_gil([&]() -> Result<Ids> {
      WriteBatch batch;
      batch.ids = ids_in.view();
      batch.first_row = first_row;
      fill(batch);
      if (metadata != nullptr) batch.metadata = metadata->columns();
      return upsert ? collection_.upsert(batch) : collection_.add(batch);
    });
    return ids_to_python(unwrap(std::move(written)));
  }

  std::vector<FieldVectors> fitted(const LentFields& lent) const {
    std::vector<FieldVectors> out;
    for (size_t f = 0; f < lent.names.size(); ++f) {
      out.push_back(
          {lent.names[f], fitted_to_dim(lent.vectors[f].view(), lent.bits[f], lent.names[f])});
    }
    return out;
  }

  /// Packed bits tell their dimension to the next multiple of 8 only; the collection knows it.
  VectorsView fitted_to_dim(VectorsView packed, size_t bits, std::string_view field) const {
    if (packed.element != Element::kBinary || bits != 0) return packed;
    const auto info = collection_.info();
    if (!info.ok()) return packed;
    size_t dim = info->dim;
    for (const VectorField& f : info->fields) {
      if (f.name == field || (field.empty() && info->fields.size() == 1)) dim = f.dim;
    }
    if ((dim + 7) / 8 * 8 == packed.dim) packed.dim = dim;
    return packed;
  }

  Collection collection_;
  Element element_;
  std::vector<VectorField> fields_;
};

template <class T>
T named(std::string_view what, std::string_view name, std::initializer_list<T> all,
        std::string_view (*name_of)(T)) {
  std::string known;
  for (T candidate : all) {
    if (name_of(candidate) == name) return candidate;
    known += (known.empty() ? "\"" : ", \"") + std::string(name_of(candidate)) + "\"";
  }
  raise(StatusCode::kInvalidArgument,
        std::string(what) + " is \"" + std::string(name) + "\"; expected one of " + known);
}

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

Metric metric_named(const std::string& text) {
  return named("metric", text,
               {Metric::kL2, Metric::kCosine, Metric::kInnerProduct, Metric::kHamming},
               metric_name);
}

Element element_named(const std::string& text) {
  return named("dtype", text, {Element::kF32, Element::kF16, Element::kI8, Element::kBinary},
               element_name);
}

/// What a caller says of the vectors of a field, or of a collection without fields (name "").
struct Asked {
  std::string name;
  size_t dim = 0;
  std::optional<Metric> metric = {};
  std::optional<Element> element = {};
};

/// The field to ask for: what was not said is as in the one that exists. Where that goes with what
/// was said, that is: hamming and binary vectors only go together.
VectorField completed(const Asked& asked, const VectorField* there) {
  auto go_together = [](Metric m, Element e) {
    return (m == Metric::kHamming) == (e == Element::kBinary);
  };
  VectorField out{.name = asked.name, .dim = asked.dim};
  if (there != nullptr && asked.dim == 0) out.dim = there->dim;
  if (asked.element) {
    out.element = *asked.element;
  } else if (there != nullptr &&
             go_together(asked.metric.value_or(there->metric), there->element)) {
    out.element = there->element;
  }
  if (asked.metric) {
    out.metric = *asked.metric;
  } else if (there != nullptr && go_together(there->metric, out.element)) {
    out.metric = there->metric;
  } else if (out.element == Element::kBinary) {
    out.metric = Metric::kHamming;
  }
  return out;
}

/// The schema to ask for.
CollectionOptions completed(Database& db, const std::string& name,
                            const std::vector<Asked>& asked) {
  std::vector<VectorField> there;
  if (auto names = db.collection_names(); names.ok() && std::ranges::count(*names, name) != 0) {
    auto found = db.collection(name);
    auto info = found.ok() ? found->info() : Result<CollectionInfo>(found.status());
    if (info.ok()) there = std::move(info->fields);
    if (info.ok() && there.empty()) there = {{"", info->dim, info->metric, info->element}};
  }
  CollectionOptions out;
  for (const Asked& one : asked) {
    const auto same = std::ranges::find(there, one.name, &VectorField::name);
    out.fields.push_back(completed(one, same == there.end() ? nullptr : &*same));
  }
  if (!asked.empty() && asked[0].name.empty()) {
    out.dim = out.fields[0].dim;
    out.metric = out.fields[0].metric;
    out.element = out.fields[0].element;
    out.fields.clear();
  }
  return out;
}

/// @param fields  (name, dim, metric, dtype) of each vector field; dim 0 and None = not said.
PyCollection collection(Database& db, const std::string& name, size_t dim,
                        std::optional<std::string> metric_text,
                        std::optional<std::string> dtype_text, nb::list fields) {
  std::vector<Asked> asked;
  const auto ask = [&](std::string field, size_t wanted, const std::optional<std::string>& metric,
                       const std::optional<std::string>& dtype) {
    Asked& one = asked.emplace_back(Asked{.name = std::move(field), .dim = wanted});
    if (dtype) one.element = element_named(*dtype);
    if (metric) one.metric = metric_named(*metric);
  };
  if (dim != 0 || metric_text || dtype_text) ask("", dim, metric_text, dtype_text);
  using Text = std::optional<std::string>;
  for (nb::handle f : fields) {
    ask(nb::cast<std::string>(f[0]), nb::cast<size_t>(f[1]), nb::cast<Text>(f[2]),
        nb::cast<Text>(f[3]));
  }
  CollectionInfo there;
  auto got = without_gil([&]() -> Result<Collection> {
    std::optional<CollectionOptions> options;
    if (!asked.empty()) options = completed(db, name, asked);
    auto found = db.collection(name, options);
    if (!found.ok()) return found;
    auto info = found->info();
    if (!info.ok()) return info.status();
    there = std::move(info).value();
    return found;
  });
  return {unwrap(std::move(got)), there};
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
      .def("collection", &collection, nb::arg("name"), nb::arg("dim"), nb::arg("metric").none(),
           nb::arg("dtype").none(), nb::arg("fields"),
           nb::sig(
               "def collection(self, name: str, dim: int, metric: str | None, dtype: str | None, "
               "fields: collections.abc.Sequence[tuple[str, int, str | None, str | None]]) -> "
               "Collection"))
      .def("collection_names",
           [](Database& db) { return unwrap(without_gil([&] { return db.collection_names(); })); })
      .def(
          "drop_collection",
          [](Database& db, const std::string& name) {
            unwrap(without_gil([&] { return db.drop_collection(name); }));
          },
          nb::arg("name"))
      .def("flush", [](Database& db) { unwrap(without_gil([&] { return db.flush(); })); })
      .def("snapshot", &snapshot, nb::arg("path"), nb::arg("progress").none(),
           nb::sig("def snapshot(self, path: str, progress: typing.Callable[[int, int], "
                   "object] | None) -> None"))
      .def("close", [](Database& db) { unwrap(without_gil([&] { return db.close(); })); })
      .def_prop_ro("path", &Database::path)
      .def_prop_ro("recovery_notes", &Database::recovery_notes);

  Class<SharedScan>(m, "Scan", "Walks one snapshot in batches.").def("next", &SharedScan::next);

  Class<PyCollection>(m, "Collection", "A named set of points.")
      .def("write", &PyCollection::write, nb::arg("vectors"), nb::arg("bits"),
           nb::arg("ids").none(), nb::arg("metadata").none(), nb::arg("upsert"),
           nb::arg("first_row"),
           nb::sig("def write(self, vectors: object, bits: int, ids: object | None, metadata: "
                   "Columns | None, upsert: bool, first_row: int) -> typing.Any"))
      .def(
          "write_fields", &PyCollection::write_fields, nb::arg("fields"), nb::arg("ids").none(),
          nb::arg("metadata").none(), nb::arg("upsert"), nb::arg("first_row"),
          nb::sig("def write_fields(self, fields: list[tuple[str, typing.Any, int]], ids: object | "
                  "None, metadata: Columns | None, upsert: bool, first_row: int) -> typing.Any"))
      .def("delete_ids", &PyCollection::delete_ids, nb::arg("ids"))
      .def("delete_where", &PyCollection::delete_where, nb::arg("where"))
      .def("update", &PyCollection::update, nb::arg("ids").none(), nb::arg("where").none(),
           nb::arg("fields"), nb::arg("metadata").none(), nb::arg("all_must_exist"),
           nb::sig("def update(self, ids: object | None, where: Filter | None, fields: "
                   "list[tuple[str, typing.Any, int]], metadata: Columns | None, all_must_exist: "
                   "bool) -> int"))
      .def("get", &PyCollection::get, nb::arg("ids"), nb::arg("vectors"), nb::arg("vector_fields"),
           nb::arg("fields"),
           nb::sig("def get(self, ids: object, vectors: bool, vector_fields: "
                   "collections.abc.Sequence[str], fields: collections.abc.Sequence[str]) -> "
                   "tuple[bytes, Rows]"))
      .def("count", &PyCollection::count, nb::arg("where").none())
      .def("filter_warnings", &PyCollection::filter_warnings, nb::arg("where"))
      .def("scan", &PyCollection::scan, nb::arg("where").none(), nb::arg("batch_size"),
           nb::arg("vectors"), nb::arg("vector_fields"), nb::arg("fields"))
      .def("search", &PyCollection::search, nb::arg("queries"), nb::arg("bits"), nb::arg("k"),
           nb::arg("where").none(), nb::arg("exact"), nb::arg("recall"), nb::arg("effort"),
           nb::arg("radius").none(), nb::arg("vectors"), nb::arg("fields"), nb::arg("field"),
           nb::arg("vector_fields"), nb::arg("timeout_ms"))
      .def("info", &PyCollection::info, nb::sig("def info(self) -> dict[str, typing.Any]"))
      .def("optimize", &PyCollection::optimize, nb::arg("timeout_ms"))
      .def("compact", &PyCollection::compact)
      .def_prop_ro("element", &PyCollection::element)
      .def_prop_ro("fields", &PyCollection::fields, nb::sig("def fields(self) -> dict[str, str]"));
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
