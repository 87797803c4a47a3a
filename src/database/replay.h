// Applies the log to the collections of a manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "collection/collection_core.h"
#include "storage/log/log.h"
#include "storage/manifest.h"

namespace omendb::internal {

/// Applies log records, in their order, to the collections of a manifest: when a database is
/// opened, and while a reader follows a writer. Creating and dropping collections are records too.
///
/// One thread at a time; other threads may read the collections.
class Replay {
 public:
  using Core = collection::CollectionCore;
  /// Opens a collection in the state that a manifest, or the record that creates it, describes.
  using Open = std::function<Result<std::shared_ptr<Core>>(const collection::CollectionState&)>;

  Replay() = default;  ///< for no database; do not call apply()
  /// Opens the collections of the manifest.
  /// @error kCorruption if the manifest contradicts itself.
  static Result<Replay> of(const storage::Manifest& manifest, Open open);

  /// @error kCorruption if the record does not fit those before it.
  Status apply(const storage::LogRecord& record);

  /// By id.
  const std::map<uint32_t, std::shared_ptr<Core>>& collections() const { return cores_; }
  uint32_t next_collection_id() const { return next_id_; }
  /// The last record up to which creations and drops of collections were applied.
  Lsn catalogue() const { return catalogue_; }

 private:
  Status declare(const storage::LogRecord& record, const collection::CreateOperation& create);
  Status drop(const storage::LogRecord& record, const collection::DropOperation& drop);
  Status add(const collection::CollectionState& state);

  Open open_;
  std::map<uint32_t, std::shared_ptr<Core>> cores_;
  std::map<uint32_t, Lsn>
      flushed_;  // of each, when it was opened: its segments hold what came before
  std::map<std::string, uint32_t, std::less<>> ids_;  // by name
  uint32_t next_id_ = 0;
  Lsn catalogue_{};
};

}  // namespace omendb::internal
