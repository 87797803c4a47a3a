// omendb._core.Collection and Scan: the verbs of a collection, and how one is opened.
#include "collection.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>

#include "arrow_in.h"
#include "columns.h"
#include "rows.h"
#include "schema.h"

namespace omendb::python {
namespace {

/// A scan, safe to share among threads.
class SharedScan : public std::enable_shared_from_this<SharedScan> {
 public:
  SharedScan(Scan scan, bool vectors) : scan_(std::move(scan)), vectors_(vectors) {}

  std::optional<Rows> next() {
    auto data = unwrap(without_gil([&] { return next_batch(); }));
    if (data->count() == 0) return std::nullopt;
    return Rows(std::move(data));
  }

  /// The batches that are left, as one Arrow stream. A stream begins with its schema, for which it
  /// looks at the next batch; it takes the batch when its consumer asks for it, since some
  /// consumers open several streams and read one of them.
  nb::capsule arrow_stream() {
    auto like = unwrap(without_gil([&] { return peek(); }));
    return arrow_stream_of(std::move(like),
                           [self = shared_from_this()] { return self->next_batch(); });
  }

 private:
  using Batch = std::shared_ptr<const RowData>;

  Result<Batch> next_batch() {
    std::lock_guard lock(mutex_);
    if (peeked_ != nullptr) return std::exchange(peeked_, nullptr);
    return read();
  }

  Result<Batch> peek() {
    std::lock_guard lock(mutex_);
    if (peeked_ == nullptr) {
      auto batch = read();
      if (!batch.ok()) return batch.status();
      peeked_ = std::move(batch).value();
    }
    return peeked_;
  }

  /// Called with the lock.
  Result<Batch> read() {
    auto points = scan_.next();
    if (!points.ok()) return points.status();
    return std::make_shared<const RowData>(
        RowData{.points = std::move(points).value(), .with_vectors = vectors_});
  }

  std::mutex mutex_;
  Scan scan_;
  const bool vectors_;  ///< whether they were asked for
  Batch peeked_;        ///< the next batch, where a stream has looked at it
};

/// Vectors by field, lent by Python for a call: from a list of (name, vectors, bits, present). The
/// last is None if each point has a vector, else bytes, one a point.
struct LentFields {
  explicit LentFields(const nb::list& fields) {
    for (nb::handle field : fields) {
      names.push_back(nb::cast<std::string>(field[0]));
      bits.push_back(nb::cast<size_t>(field[2]));
      vectors.emplace_back(nb::object(field[1]), bits.back());
      present.emplace_back();
      if (field[3].is_none()) continue;
      const auto bytes = nb::cast<nb::bytes>(field[3]);
      const auto* first = static_cast<const uint8_t*>(bytes.data());
      present.back().assign(first, first + bytes.size());
    }
  }
  std::vector<std::string> names;
  std::vector<size_t> bits;
  std::deque<VectorsIn> vectors;
  std::vector<std::vector<uint8_t>> present;
};
using PyOrder = std::vector<std::pair<std::string, bool>>;

/// The options of a scan or of a get by filter.
ScanOptions scan_options(const Filter* where, bool vectors,
                         const std::vector<std::string>& vector_fields,
                         const std::vector<std::string>& fields, std::optional<uint64_t> limit,
                         uint64_t offset, const PyOrder& order_by) {
  ScanOptions out;
  if (where != nullptr) out.where = *where;
  out.with_vectors = vectors;
  out.vector_fields = vector_fields;
  out.columns = fields;
  out.limit = limit;
  out.offset = offset;
  for (const auto& [column, descending] : order_by) out.order_by.push_back({column, descending});
  return out;
}

class PyCollection {
 public:
  /// @param reader  whether the database was opened for reading.
  PyCollection(Collection collection, bool reader)
      : collection_(std::move(collection)),
        reader_(reader),
        schema_(std::make_shared<const CollectionInfo>()) {}

  nb::object write(nb::handle vectors, size_t bits, nb::handle ids, const Columns* metadata,
                   bool upsert, uint64_t first_row) {
    VectorsIn vectors_in(vectors, bits);
    return put(ids, metadata, upsert, first_row, [&](WriteBatch& batch) {
      batch.vectors = fitted_to_dim(vectors_in.view(), bits, "");
    });
  }

  /// @param fields  (name, vectors, bits, present) of each.
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
  /// @param fields  (name, vectors, bits, None) of each that changes; the name of the unnamed one
  /// is "".
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

  void rename_column(const std::string& column, const std::string& name) {
    unwrap(without_gil([&] { return collection_.rename_column(column, name); }));
  }

  void drop_column(const std::string& column) {
    unwrap(without_gil([&] { return collection_.drop_column(column); }));
  }

  nb::tuple get(nb::handle ids, bool vectors, const std::vector<std::string>& vector_fields,
                const std::vector<std::string>& fields) const {
    IdsIn in(ids);
    auto got = unwrap(without_gil([&] {
      return collection_.get(
          in.view(), {.with_vectors = vectors, .vector_fields = vector_fields, .columns = fields});
    }));
    nb::bytes found(reinterpret_cast<const char*>(got.found.data()), got.found.size());
    RowData rows{.points = std::move(got.points), .with_vectors = vectors};
    return nb::make_tuple(found, Rows(std::move(rows)));
  }

  Rows get_where(const Filter* where, bool vectors, const std::vector<std::string>& vector_fields,
                 const std::vector<std::string>& fields, std::optional<uint64_t> limit,
                 uint64_t offset, const PyOrder& order_by) const {
    const ScanOptions options =
        scan_options(where, vectors, vector_fields, fields, limit, offset, order_by);
    auto points = unwrap(without_gil([&] { return collection_.get_where(options); }));
    return Rows(RowData{.points = std::move(points), .with_vectors = vectors});
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

  std::shared_ptr<SharedScan> scan(const Filter* where, size_t batch_size, bool vectors,
                                   const std::vector<std::string>& vector_fields,
                                   const std::vector<std::string>& fields,
                                   std::optional<uint64_t> limit, uint64_t offset,
                                   const PyOrder& order_by) const {
    ScanOptions options =
        scan_options(where, vectors, vector_fields, fields, limit, offset, order_by);
    options.batch_size = batch_size;
    auto scan = unwrap(without_gil([&] { return collection_.scan(options); }));
    return std::make_shared<SharedScan>(std::move(scan), vectors);
  }

  /// @param ids    if not None: the points whose neighbours are searched, instead of queries.
  /// @param where  None, a Filter, or a list of Filters, one a query.
  Rows search(nb::handle queries, size_t bits, nb::handle ids, size_t k, nb::handle where,
              bool exact, double recall, size_t effort, std::optional<double> radius, bool vectors,
              const std::vector<std::string>& fields, const std::string& field,
              const std::vector<std::string>& vector_fields, uint64_t timeout_ms) const {
    SearchOptions options;
    options.k = k;
    if (PyList_Check(where.ptr())) {
      for (nb::handle one : nb::borrow<nb::list>(where)) {
        options.where_each.push_back(nb::cast<const Filter&>(one));
      }
    } else if (!where.is_none()) {
      options.where = nb::cast<const Filter&>(where);
    }
    options.exact = exact;
    options.recall = recall;
    options.effort = effort;
    options.radius = radius;
    options.timeout_ms = timeout_ms;
    options.with_vectors = vectors;
    options.columns = fields;
    options.field = field;
    options.vector_fields = vector_fields;
    SearchResult found;
    // To the engine no filter for each means one for all.
    const auto check_filters = [&](size_t asked) {
      if (!PyList_Check(where.ptr()) || !options.where_each.empty() || asked == 0) return;
      raise(StatusCode::kInvalidArgument,
            "0 filters for " + std::to_string(asked) + " queries; expected one each");
    };
    if (ids.is_none()) {
      VectorsIn in(queries, bits);
      check_filters(in.view().count);
      found = unwrap(without_gil(
          [&] { return collection_.search(fitted_to_dim(in.view(), bits, field), options); }));
    } else {
      IdsIn in(ids);
      check_filters(nb::len(ids));
      found = unwrap(without_gil([&] { return collection_.search_ids(in.view(), options); }));
    }
    return Rows({.points = std::move(found.points),
                 .metric = found.metric,
                 .dim = found.dim,
                 .with_vectors = vectors,
                 .distances = std::move(found.distances),
                 .offsets = std::move(found.offsets)});
  }

  /// @param queries  None = a sample of the stored points.
  nb::dict measure_recall(uint64_t sample, uint64_t seed, nb::handle queries, size_t bits, size_t k,
                          const Filter* where, double recall, size_t effort,
                          const std::string& field, uint64_t timeout_ms) const {
    SearchOptions search;
    search.k = k;
    if (where != nullptr) search.where = *where;
    search.recall = recall;
    search.effort = effort;
    search.field = field;
    search.timeout_ms = timeout_ms;
    RecallOptions options{.sample = sample, .seed = seed};
    std::optional<VectorsIn> lent;
    if (!queries.is_none()) lent.emplace(queries, bits);
    const RecallReport report = unwrap(without_gil([&] {
      if (lent) options.queries = fitted_to_dim(lent->view(), bits, field);
      return collection_.measure_recall(search, options);
    }));
    nb::dict out;
    out["recall"] = report.recall;
    out["low"] = report.low;
    out["high"] = report.high;
    out["queries"] = report.queries;
    out["k"] = report.k;
    out["microseconds"] = report.microseconds;
    out["exact_microseconds"] = report.exact_microseconds;
    return out;
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

  std::string_view element() const { return element_name(schema()->element); }
  /// The named vector fields and their element types.
  nb::dict fields() const {
    nb::dict out;
    const auto now = schema();
    for (const VectorField& f : now->fields) out[to_str(f.name)] = element_name(f.element);
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
      out.push_back({lent.names[f],
                     fitted_to_dim(lent.vectors[f].view(), lent.bits[f], lent.names[f]),
                     lent.present[f]});
    }
    return out;
  }

  /// The width of packed bits is a multiple of 8; this sets their dimension to the collection's.
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

  /// The schema of the vectors. It is read again at each call in a reader, whose collection the
  /// writer may drop and create anew, and before the first add, when a declaration may change it.
  std::shared_ptr<const CollectionInfo> schema() const {
    const bool settled =
        schema_->dim != 0 || std::ranges::any_of(schema_->fields, [](const VectorField& field) {
          return field.dim != 0;
        });
    if (settled && !reader_) return schema_;
    auto now = without_gil([&] { return collection_.info(); });
    if (now.ok()) schema_ = std::make_shared<const CollectionInfo>(std::move(now).value());
    return schema_;
  }

  Collection collection_;
  const bool reader_;
  mutable std::shared_ptr<const CollectionInfo> schema_;  // changed with the GIL alone
};

}  // namespace

nb::object open_collection(Database& db, const std::string& name, size_t dim,
                           std::optional<std::string> metric_text,
                           std::optional<std::string> dtype_text, nb::list fields, bool create) {
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
  auto got = without_gil([&] { return get_collection(db, name, asked, create); });
  return nb::cast(
      std::make_unique<PyCollection>(unwrap(std::move(got)), db.mode() == OpenMode::kRead));
}

void bind_collection(nb::module_& m) {
  Class<SharedScan>(m, "Scan", "Walks one snapshot in batches.")
      .def("next", &SharedScan::next)
      .def("arrow_stream", &SharedScan::arrow_stream, nb::sig("def arrow_stream(self) -> object"));

  Class<PyCollection>(m, "Collection", "A named set of points.")
      .def("write", &PyCollection::write, nb::arg("vectors"), nb::arg("bits"),
           nb::arg("ids").none(), nb::arg("metadata").none(), nb::arg("upsert"),
           nb::arg("first_row"),
           nb::sig("def write(self, vectors: object, bits: int, ids: object | None, metadata: "
                   "Columns | None, upsert: bool, first_row: int) -> typing.Any"))
      .def("write_fields", &PyCollection::write_fields, nb::arg("fields"), nb::arg("ids").none(),
           nb::arg("metadata").none(), nb::arg("upsert"), nb::arg("first_row"),
           nb::sig("def write_fields(self, fields: list[tuple[str, typing.Any, int, bytes | "
                   "None]], ids: "
                   "object | None, metadata: Columns | None, upsert: bool, first_row: int) -> "
                   "typing.Any"))
      .def("delete_ids", &PyCollection::delete_ids, nb::arg("ids"))
      .def("delete_where", &PyCollection::delete_where, nb::arg("where"))
      .def("update", &PyCollection::update, nb::arg("ids").none(), nb::arg("where").none(),
           nb::arg("fields"), nb::arg("metadata").none(), nb::arg("all_must_exist"),
           nb::sig("def update(self, ids: object | None, where: Filter | None, fields: "
                   "list[tuple[str, typing.Any, int, bytes | None]], metadata: Columns | None, "
                   "all_must_exist: "
                   "bool) -> int"))
      .def("rename_column", &PyCollection::rename_column, nb::arg("column"), nb::arg("name"))
      .def("drop_column", &PyCollection::drop_column, nb::arg("column"))
      .def("get", &PyCollection::get, nb::arg("ids"), nb::arg("vectors"), nb::arg("vector_fields"),
           nb::arg("fields"),
           nb::sig("def get(self, ids: object, vectors: bool, vector_fields: "
                   "collections.abc.Sequence[str], fields: collections.abc.Sequence[str]) -> "
                   "tuple[bytes, Rows]"))
      .def("get_where", &PyCollection::get_where, nb::arg("where").none(), nb::arg("vectors"),
           nb::arg("vector_fields"), nb::arg("fields"), nb::arg("limit").none(), nb::arg("offset"),
           nb::arg("order_by"))
      .def("count", &PyCollection::count, nb::arg("where").none())
      .def("filter_warnings", &PyCollection::filter_warnings, nb::arg("where"))
      .def("scan", &PyCollection::scan, nb::arg("where").none(), nb::arg("batch_size"),
           nb::arg("vectors"), nb::arg("vector_fields"), nb::arg("fields"), nb::arg("limit").none(),
           nb::arg("offset"), nb::arg("order_by"))
      .def(
          "search", &PyCollection::search, nb::arg("queries").none(), nb::arg("bits"),
          nb::arg("ids").none(), nb::arg("k"), nb::arg("where").none(), nb::arg("exact"),
          nb::arg("recall"), nb::arg("effort"), nb::arg("radius").none(), nb::arg("vectors"),
          nb::arg("fields"), nb::arg("field"), nb::arg("vector_fields"), nb::arg("timeout_ms"),
          nb::sig("def search(self, queries: object | None, bits: int, ids: object | None, k: int, "
                  "where: Filter | list[Filter] | None, exact: bool, recall: float, effort: int, "
                  "radius: float | None, vectors: bool, fields: collections.abc.Sequence[str], "
                  "field: str, vector_fields: collections.abc.Sequence[str], timeout_ms: int) -> "
                  "Rows"))
      .def("measure_recall", &PyCollection::measure_recall, nb::arg("sample"), nb::arg("seed"),
           nb::arg("queries").none(), nb::arg("bits"), nb::arg("k"), nb::arg("where").none(),
           nb::arg("recall"), nb::arg("effort"), nb::arg("field"), nb::arg("timeout_ms"),
           nb::sig("def measure_recall(self, sample: int, seed: int, queries: object | None, bits: "
                   "int, k: int, where: Filter | None, recall: float, effort: int, field: str, "
                   "timeout_ms: int) -> dict[str, typing.Any]"))
      .def("info", &PyCollection::info, nb::sig("def info(self) -> dict[str, typing.Any]"))
      .def("optimize", &PyCollection::optimize, nb::arg("timeout_ms"))
      .def("compact", &PyCollection::compact)
      .def_prop_ro("element", &PyCollection::element)
      .def_prop_ro("fields", &PyCollection::fields, nb::sig("def fields(self) -> dict[str, str]"));
}

}  // namespace omendb::python
