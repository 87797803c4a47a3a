#include "segment/sealed_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bitmap.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "index/coded_index.h"
#include "index/graph/build.h"
#include "index/partition/build.h"
#include "segment/center.h"
#include "segment/index_sections.h"
#include "segment/sealed_codes.h"
#include "segment/sealed_graph.h"
#include "segment/sealed_partition.h"
#include "segment/segment_format.h"

namespace omendb::segment {

namespace {

/// How to open and write a kind of index. A new kind is a new line in kKinds.
struct Kind {
  IndexKind kind;
  uint16_t version;
  uint64_t seed;
  Result<std::shared_ptr<const SealedIndex>> (*open)(
      std::shared_ptr<const storage::SectionFile> file, const IndexedRows& of);
  Status (*write)(storage::SectionFileWriter& out, const IndexedRows& of, JobControl& control);
};

constexpr Kind kKinds[] = {
    {IndexKind::kCoded, kSealedCodesVersion, kRotationSeed, open_codes, write_codes},
    {IndexKind::kPartition, kSealedPartitionVersion, kRotationSeed, open_partition,
     write_partition},
    {IndexKind::kGraph, kSealedGraphVersion, kRotationSeed, open_graph, write_graph},
};

const Kind* find_kind(uint8_t kind) {
  const auto* found =
      std::ranges::find(kKinds, static_cast<IndexKind>(kind), [](const Kind& k) { return k.kind; });
  return found == std::end(kKinds) ? nullptr : found;
}

IndexHeader header_of(const Kind& kind, const IndexedRows& of) {
  IndexHeader header{};
  header.version = kIndexHeaderVersion;
  header.kind = static_cast<uint8_t>(kind.kind);
  header.kind_version = kind.version;
  header.field = to_int(of.field.id);
  header.metric = static_cast<uint8_t>(of.field.spec.metric);
  header.element = static_cast<uint8_t>(of.field.spec.element);
  header.segment = of.segment.checksum();
  header.rows = of.segment.rows();
  header.dim = of.field.spec.dim;
  header.seed = kind.seed;
  return header;
}

Status check_header(const storage::SectionFile& file, const IndexHeader& expected) {
  OMEN_ASSIGN_OR_RETURN(const auto section, file.section(key(SectionKind::kIndexHeader)));
  OMEN_ASSIGN_OR_RETURN(const auto bytes, section.bytes());
  IndexHeader header;
  if (bytes.size() != sizeof header) return corrupt(file, "an index header of the wrong size");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version > expected.version) {
    return {StatusCode::kUnsupportedVersion,
            "\"" + file.path() + "\": index version " + std::to_string(header.version) +
                "; this OmenDB reads up to " + std::to_string(expected.version)};
  }
  if (header.version == 0 || header.reserved != 0) {
    return corrupt(file, "the index header makes no sense");
  }
  if (header.kind != expected.kind || header.kind_version != expected.kind_version) {
    return corrupt(file, "is an index of kind " + std::to_string(header.kind) + ", version " +
                             std::to_string(header.kind_version) + "; the manifest says kind " +
                             std::to_string(expected.kind) + ", version " +
                             std::to_string(expected.kind_version));
  }
  if (header.segment != expected.segment || header.rows != expected.rows) {
    return corrupt(file, "is an index of another segment than the manifest says");
  }
  if (std::memcmp(&header, &expected, sizeof header) != 0) {
    return corrupt(
        file, "is an index of other vectors than those of field " + std::to_string(expected.field));
  }
  return {};
}

}  // namespace

bool knows_index(uint8_t kind, uint16_t version) {
  const Kind* const known = find_kind(kind);
  return known != nullptr && known->version == version;
}

uint16_t index_version(IndexKind kind) {
  const Kind* const known = find_kind(static_cast<uint8_t>(kind));
  OMEN_CHECK(known != nullptr);
  return known->version;
}

uint64_t count_vectors(const index::Rows& rows) {
  if (rows.complete()) return rows.rows();
  Bitmap present(rows.rows(), true);
  return rows.clear_absent(present.words()).ok() ? present.count() : 0;
}

bool codes_pay(const VectorSpec& spec, uint64_t vectors, uint64_t least) {
  return spec.coded() && spec.dim >= index::CodedIndex::kLeastDim && vectors >= least;
}

bool partitions_pay(const VectorSpec& spec, uint64_t vectors, uint64_t least) {
  return spec.coded() && spec.dim >= index::CodedIndex::kLeastDim && vectors >= least &&
         vectors >= index::partition::kLeastRows;
}

uint64_t partition_build_bytes(const VectorSpec& spec, uint64_t vectors) {
  return index::partition::build_bytes({.dim = spec.dim}, vectors);
}

uint64_t graph_build_bytes(const VectorSpec& spec, uint64_t vectors) {
  return index::graph::build_bytes({.dim = spec.dim}, vectors);
}

Result<std::shared_ptr<const SealedIndex>> SealedIndex::open(std::shared_ptr<storage::Env> env,
                                                             const std::string& path,
                                                             const storage::IndexMeta& named,
                                                             const IndexedRows& of) {
  if (!knows_index(named.kind, named.version)) {
    return Status(StatusCode::kUnsupportedVersion,
                  "\"" + path + "\": an index of kind " + std::to_string(named.kind) +
                      ", version " + std::to_string(named.version) +
                      ", which this OmenDB does not know; it searches without");
  }
  const Kind& kind = *find_kind(named.kind);
  OMEN_ASSIGN_OR_RETURN(auto file,
                        storage::SectionFile::open(std::move(env), path, kIndexFileKind));
  OMEN_RETURN_IF_ERROR(check_header(*file, header_of(kind, of)));
  return kind.open(std::move(file), of);
}

Result<storage::IndexMeta> write_index(std::shared_ptr<storage::Env> env, const std::string& path,
                                       IndexKind kind, const IndexedRows& of, JobControl& control) {
  const Kind* const known = find_kind(static_cast<uint8_t>(kind));
  OMEN_CHECK(known != nullptr);
  if (count_vectors(of.rows()) == 0) {
    return Status(StatusCode::kInvalidArgument,
                  "\"" + of.segment.path() + "\" has no vector in field " +
                      std::to_string(to_int(of.field.id)) + " that could be indexed");
  }
  OMEN_ASSIGN_OR_RETURN(const auto out,
                        storage::SectionFileWriter::create(std::move(env), path, kIndexFileKind));
  const IndexHeader header = header_of(*known, of);
  OMEN_RETURN_IF_ERROR(out->begin(key(SectionKind::kIndexHeader)));
  OMEN_RETURN_IF_ERROR(out->append(std::as_bytes(std::span(&header, 1))));
  OMEN_RETURN_IF_ERROR(out->end());
  OMEN_RETURN_IF_ERROR(known->write(*out, of, control));
  OMEN_RETURN_IF_ERROR(of.segment.check());
  storage::IndexMeta meta;
  meta.field = of.field.id;
  meta.kind = header.kind;
  meta.version = header.kind_version;
  OMEN_ASSIGN_OR_RETURN(meta.bytes, out->finish());
  return meta;
}

}  // namespace omendb::segment
