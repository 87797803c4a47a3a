// The manifest lists the collections of a database, their schemas and segments, and up to which
// record the segments hold the log. Published atomically. Format: docs/format.md, "Manifest".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "omendb/types.h"
#include "storage/env.h"
#include "storage/log/log.h"

namespace omendb::storage {

struct FieldMeta {
  FieldId id = kUnnamedField;
  std::string name;  ///< empty for the unnamed field
  uint64_t dim = 0;  ///< 0 = not known yet
  Metric metric = Metric::kL2;
  Element element = Element::kF32;
  bool operator==(const FieldMeta&) const = default;
};

struct ColumnMeta {
  std::string name;
  ColumnType type = ColumnType::kI64;
  ColumnId id{};
  std::vector<ColumnType> former;  ///< types that it had before
  bool operator==(const ColumnMeta&) const = default;
};

/// An index of one segment by its vectors in one field. A build that does not know the kind, or the
/// version of it, keeps the entry and its file, and searches without.
struct IndexMeta {
  FieldId field = kUnnamedField;
  uint8_t kind = 0;
  uint16_t version = 0;  ///< of what the kind writes
  std::string name;      ///< file stem, unique in the database
  uint64_t bytes = 0;
  std::vector<std::byte> calibration;  ///< the kind's measurements of its own searches
  bool operator==(const IndexMeta&) const = default;
};

struct SegmentMeta {
  std::string name;  ///< file stem, unique in the database
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t dead_rows = 0;
  std::string tombstones;  ///< file name of the .del file; empty = none
  std::vector<IndexMeta> indexes;
  bool operator==(const SegmentMeta&) const = default;
};

struct CollectionMeta {
  uint32_t id = 0;
  std::string name;
  std::vector<FieldMeta> fields;  ///< vector fields, ids ascending
  uint8_t id_kind = 0;            ///< an IdKind, or 0 = not known yet
  uint64_t next_auto_id = 0;
  Lsn flushed{};  ///< operations up to here are in segments
  std::vector<ColumnMeta> columns;
  uint32_t next_column_id = 0;  ///< greater than the id of every column that ever existed
  std::vector<SegmentMeta> segments;
  bool operator==(const CollectionMeta&) const = default;
};

struct Manifest {
  uint64_t generation = 0;  ///< counts publications
  /// Of the opening for writing that published it: each opening and each copy draws a new one. Of
  /// two manifests with the same UUID, the higher generation continues the lower one.
  std::array<uint8_t, 16> opening_uuid{};
  uint32_t next_collection_id = 1;
  uint64_t next_file_number = 1;
  LogMark log;
  Lsn catalogue{};  ///< collections created and dropped up to here are in, or out of, the list
  std::vector<CollectionMeta> collections;
  bool operator==(const Manifest&) const = default;
};

std::array<uint8_t, 16> random_uuid();

/// The bytes of a manifest file.
std::vector<std::byte> encode_manifest(const Manifest& manifest);
/// @param file  named in errors.
/// @error kCorruption with file and offset, kUnsupportedVersion. Allocates no more than the size of
///        `bytes` supports.
Result<Manifest> decode_manifest(std::span<const std::byte> bytes, const std::string& file);

/// Keeps the manifest of one database folder: `MANIFEST-<generation>` and `CURRENT`, which names
/// the one that is in force. One thread at a time.
class ManifestStore {
 public:
  ManifestStore(std::shared_ptr<Env> env, std::string directory)
      : env_(std::move(env)), directory_(std::move(directory)) {}

  /// @return the current manifest; none if the folder is missing, empty, or holds only what a
  ///         creation that never finished left behind.
  /// @error kNotADatabase naming a file that is not ours, kCorruption, kUnsupportedVersion,
  ///        kIoError.
  Result<std::optional<Manifest>> load();

  /// Without CURRENT: the manifest of the greatest generation that can be read, which may never
  /// have been in force; none if there is no such. For repairs.
  Result<std::optional<Manifest>> newest_sound();

  /// CURRENT, the file that names the manifest in force. Each publication replaces it by another.
  std::string current_path() const;

  /// Makes `manifest`, with the next generation, the current one; when it returns, that survives a
  /// power cut. The folder exists. After an error the folder holds either manifest whole, and
  /// publish() may be called again.
  Status publish(Manifest& manifest);
  /// How many calls of publish() failed after the new manifest may have become the current one.
  uint64_t doubts() const { return doubts_; }

 private:
  Result<std::optional<Manifest>> load_without_current();
  Status prepare(const std::string& name, const Manifest& manifest);
  Status write_synced(const std::string& path, std::span<const std::byte> bytes);
  void remove_other_manifests(const std::string& keep);

  const std::shared_ptr<Env> env_;
  const std::string directory_;
  uint64_t doubts_ = 0;
};

}  // namespace omendb::storage
