// CollectionCore: declares a collection anew that never had a point.
#include "base/status_macros.h"
#include "collection/collection_core.h"
#include "collection/write/operation.h"

namespace omendb::collection {

void CollectionCore::become(std::shared_ptr<const Snapshot> declared) {
  staged_ = declared;
  {
    MutexLock lock(state_mutex_);
    durable_.fields = *declared->fields;
  }
  publication_.replace(std::move(declared));  // nothing is pending: nothing was ever put
}

Result<std::optional<Lsn>> CollectionCore::redeclare(const segment::Fields& fields) {
  MutexLock lock(write_mutex_);
  OMEN_RETURN_IF_ERROR(check_writable());
  if (segment::dimensions_known(*staged_->fields)) return std::optional<Lsn>();
  auto declared = std::make_shared<Snapshot>(*staged_);
  declared->fields = std::make_shared<segment::Fields>(fields);
  const EncodedOperation record(CreateOperation{id_, name_, fields});
  OMEN_ASSIGN_OR_RETURN(const Lsn lsn, host_.append(record.parts()));
  become(std::move(declared));
  return std::optional<Lsn>(lsn);
}

segment::Fields CollectionCore::staged_fields() const {
  MutexLock lock(write_mutex_);
  return *staged_->fields;
}

bool CollectionCore::replay_declaration(const segment::Fields& fields) {
  MutexLock lock(write_mutex_);
  if (staged_->id_kind) return false;
  auto declared = std::make_shared<Snapshot>(*staged_);
  declared->fields = std::make_shared<segment::Fields>(fields);
  become(std::move(declared));
  return true;
}

}  // namespace omendb::collection
