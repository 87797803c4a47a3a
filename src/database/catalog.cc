#include "database/catalog.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/status_macros.h"
#include "collection/write/batch_check.h"

namespace omendb::internal {

namespace {

/// Files are numbered far below this.
constexpr uint64_t kMaxFileNumber = UINT64_MAX >> 1;

Status impossible(const std::string& what) {
  return {StatusCode::kCorruption, "the manifest contradicts itself: " + what};
}

/// No two segments share a file, and the next file takes none's name.
Status check_file(const std::string& name, const storage::Manifest& manifest,
                  std::set<std::string_view>& files) {
  if (!files.insert(name).second) return impossible("it names file " + name + " twice");
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  if (whole && number < manifest.next_file_number) return {};
  return impossible("it names file " + name + "; files have numbers below " +
                    std::to_string(manifest.next_file_number));
}

}  // namespace

collection::CollectionState state_from_meta(const storage::CollectionMeta& meta) {
  collection::CollectionState state;
  state.id = meta.id;
  state.name = meta.name;
  state.fields.clear();
  for (const auto& f : meta.fields) {
    state.fields.push_back({f.id, f.name, {f.dim, f.metric, f.element}});
  }
  if (meta.id_kind != 0) state.id_kind = static_cast<IdKind>(meta.id_kind);
  state.next_auto_id = meta.next_auto_id;
  state.flushed = meta.flushed;
  for (const auto& column : meta.columns) {
    state.columns.push_back({column.name, column.type, column.id, column.former});
  }
  state.next_column_id = meta.next_column_id;
  for (const auto& s : meta.segments) {
    state.segments.push_back({s.name, s.rows, s.bytes, s.dead_rows, s.tombstones, s.indexes});
  }
  return state;
}

std::vector<storage::FieldMeta> meta_from_fields(const segment::Fields& fields) {
  std::vector<storage::FieldMeta> meta;
  for (const segment::Field& f : fields) {
    meta.push_back({f.id, f.name, f.spec.dim, f.spec.metric, f.spec.element});
  }
  return meta;
}

storage::CollectionMeta meta_from_state(const collection::CollectionState& state) {
  storage::CollectionMeta meta;
  meta.id = state.id;
  meta.name = state.name;
  meta.fields = meta_from_fields(state.fields);
  meta.id_kind = state.id_kind ? static_cast<uint8_t>(*state.id_kind) : 0;
  meta.next_auto_id = state.next_auto_id;
  meta.flushed = state.flushed;
  for (const auto& column : state.columns) {
    meta.columns.push_back({column.name, column.type, column.id, column.former});
  }
  meta.next_column_id = state.next_column_id;
  for (const auto& s : state.segments) {
    meta.segments.push_back({s.name, s.rows, s.bytes, s.dead_rows, s.tombstones, s.indexes});
  }
  return meta;
}

Status check_collections(const storage::Manifest& manifest) {
  if (manifest.next_file_number > kMaxFileNumber) {
    return impossible("the next file number is " + std::to_string(manifest.next_file_number));
  }
  std::set<std::string_view> files;
  for (const storage::CollectionMeta& meta : manifest.collections) {
    Status status = collection::check_collection_name(meta.name);
    if (status.ok()) status = collection::check_fields(state_from_meta(meta).fields);
    if (!status.ok())
      return impossible("the fields of a collection are not valid: " + status.message());
    if (meta.id >= manifest.next_collection_id) {
      return impossible("collection \"" + meta.name + "\" has number " + std::to_string(meta.id) +
                        "; the next is " + std::to_string(manifest.next_collection_id));
    }
    for (const auto& segment : meta.segments) {
      OMEN_RETURN_IF_ERROR(check_file(segment.name, manifest, files));
      for (const auto& index : segment.indexes) {
        OMEN_RETURN_IF_ERROR(check_file(index.name, manifest, files));
      }
      if (segment.tombstones.empty()) continue;
      OMEN_RETURN_IF_ERROR(check_file(segment.tombstones, manifest, files));
    }
  }
  return {};
}

Lsn durable_mark(const storage::Manifest& manifest) {
  Lsn mark = std::max({manifest.log.trimmed, manifest.log.durable, manifest.catalogue});
  for (const auto& collection : manifest.collections) mark = std::max(mark, collection.flushed);
  return mark;
}

segment::Fields fields_from_options(const CollectionOptions& options) {
  if (options.fields.empty()) {
    return segment::unnamed_field({options.dim, options.metric, options.element});
  }
  segment::Fields fields;
  for (const VectorField& f : options.fields) {
    const auto id = static_cast<uint16_t>(fields.size() + 1);
    fields.push_back({FieldId{id}, f.name, {f.dim, f.metric, f.element}});
  }
  return fields;
}

std::vector<VectorField> named_fields(const segment::Fields& fields) {
  std::vector<VectorField> named;
  for (const segment::Field& f : fields) {
    if (f.name.empty()) continue;
    named.push_back({f.name, f.spec.dim, f.spec.metric, f.spec.element});
  }
  return named;
}

CollectionOptions options_from_fields(const segment::Fields& fields) {
  CollectionOptions options;
  options.fields = named_fields(fields);
  if (options.fields.empty()) {
    const segment::VectorSpec& spec = fields[0].spec;
    options = {spec.dim, spec.metric, spec.element};
  }
  return options;
}

bool satisfies(const segment::Fields& fields, const CollectionOptions& options) {
  const segment::Fields asked = fields_from_options(options);
  if (asked.size() != fields.size()) return false;
  return std::ranges::all_of(asked, [&](const segment::Field& a) {
    const auto f = std::ranges::find(fields, a.name, &segment::Field::name);
    return f != fields.end() && f->spec.metric == a.spec.metric &&
           f->spec.element == a.spec.element && (a.spec.dim == 0 || f->spec.dim == a.spec.dim);
  });
}

std::string describe_fields(const segment::Fields& fields) {
  std::string text;
  for (const segment::Field& f : fields) {
    if (!text.empty()) text += "; ";
    if (!f.name.empty()) text += "field \"" + f.name + "\" of ";
    text += "dim " + std::to_string(f.spec.dim) + ", " + std::string(metric_name(f.spec.metric)) +
            ", " + std::string(element_name(f.spec.element));
  }
  return text;
}

}  // namespace omendb::internal
