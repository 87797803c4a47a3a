// omendb_async.h: writes that complete by callback.
#include <memory>
#include <new>

#include "capi/fence.h"
#include "capi/handles.h"

using omendb::Ids;
using omendb::Result;
using omendb::Status;
using omendb::capi::BatchIn;
using omendb::capi::fenced;
using omendb::capi::IdsIn;
using omendb::capi::UpdateIn;

namespace {

auto ids_callback(omendb_ids_callback callback, void* context) {
  return [callback, context](Result<Ids> ids) {
    Status status = ids.status();
    omendb_points* points = nullptr;
    if (status.ok()) {
      try {
        omendb::Points written;
        written.ids = std::move(ids).value();
        points = std::make_unique<omendb_points>(std::move(written)).release();
      } catch (const std::bad_alloc&) {
        status = Status(omendb::StatusCode::kInternal, "written, but out of memory for its ids");
      }
    }
    callback(context, static_cast<omendb_status>(status.code()), status.message().c_str(), points);
  };
}

auto count_callback(omendb_count_callback callback, void* context) {
  return [callback, context](const Result<uint64_t>& count) {
    const Status& status = count.status();
    callback(context, static_cast<omendb_status>(status.code()), status.message().c_str(),
             status.ok() ? *count : 0);
  };
}

/// add and upsert differ in the verb alone.
template <class Verb>
Status write(omendb_collection* collection, const omendb_batch* batch, omendb_ids_callback callback,
             void* context, Verb verb) {
  OMENDB_REQUIRE(collection);
  OMENDB_REQUIRE(callback);
  BatchIn in;
  if (Status status = omendb::capi::read_batch(batch, &in); !status.ok()) return status;
  return (collection->collection.*verb)(in.batch, ids_callback(callback, context));
}

}  // namespace

extern "C" {

omendb_status omendb_collection_add_async(omendb_collection* collection, const omendb_batch* batch,
                                          omendb_ids_callback callback, void* context) noexcept {
  return fenced([&]() -> Status {
    return write(collection, batch, callback, context, &omendb::Collection::add_async);
  });
}

omendb_status omendb_collection_upsert_async(omendb_collection* collection,
                                             const omendb_batch* batch,
                                             omendb_ids_callback callback, void* context) noexcept {
  return fenced([&]() -> Status {
    return write(collection, batch, callback, context, &omendb::Collection::upsert_async);
  });
}

omendb_status omendb_collection_delete_ids_async(omendb_collection* collection,
                                                 const omendb_ids* ids,
                                                 omendb_count_callback callback,
                                                 void* context) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(ids);
    OMENDB_REQUIRE(callback);
    IdsIn in;
    if (Status status = omendb::capi::read_ids(*ids, &in); !status.ok()) return status;
    return collection->collection.delete_ids_async(in.view, count_callback(callback, context));
  });
}

omendb_status omendb_collection_delete_where_async(omendb_collection* collection, const char* where,
                                                   omendb_count_callback callback,
                                                   void* context) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(where);
    OMENDB_REQUIRE(callback);
    auto filter = omendb::capi::read_filter(where);
    if (!filter.ok()) return filter.status();
    return collection->collection.delete_where_async(*filter, count_callback(callback, context));
  });
}

omendb_status omendb_collection_update_ids_async(omendb_collection* collection,
                                                 const omendb_ids* ids, const omendb_update* update,
                                                 omendb_count_callback callback,
                                                 void* context) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(ids);
    OMENDB_REQUIRE(callback);
    IdsIn in;
    if (Status status = omendb::capi::read_ids(*ids, &in); !status.ok()) return status;
    UpdateIn change;
    if (Status status = omendb::capi::read_update(update, &change); !status.ok()) return status;
    return collection->collection.update_ids_async(in.view, change.update,
                                                   count_callback(callback, context));
  });
}

omendb_status omendb_collection_update_where_async(omendb_collection* collection, const char* where,
                                                   const omendb_update* update,
                                                   omendb_count_callback callback,
                                                   void* context) noexcept {
  return fenced([&]() -> Status {
    OMENDB_REQUIRE(collection);
    OMENDB_REQUIRE(where);
    OMENDB_REQUIRE(callback);
    auto filter = omendb::capi::read_filter(where);
    if (!filter.ok()) return filter.status();
    UpdateIn change;
    if (Status status = omendb::capi::read_update(update, &change); !status.ok()) return status;
    return collection->collection.update_where_async(*filter, change.update,
                                                     count_callback(callback, context));
  });
}

}  // extern "C"
