// What the crash tests know for themselves: points made from their id and batch number, and the
// states that a database may show after a crash.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "omendb/database.h"

namespace omendb::crash {

/// The points of a collection: id -> number of the batch that wrote it last. With that, vector and
/// metadata are known.
using State = std::map<uint64_t, uint32_t>;

/// Small integers, so that distances are exact whatever the order of summation.
std::vector<float> vector_of(uint64_t id, uint32_t batch, size_t dim);

/// Columns of a batch: "batch" (i64), and from batch 4 on "label" (string), derived from both.
std::vector<Column> metadata_of(const std::vector<uint64_t>& ids, uint32_t batch);

enum class Put : uint8_t { kAdd, kAddGenerated, kUpsert, kUpdate };

/// Writes a batch of points. kUpdate passes over ids that do not exist. kAddGenerated passes no
/// ids, and fails with kInternal if the ids generated are others than these.
Status write_batch(Collection& collection, const std::vector<uint64_t>& ids, uint32_t batch,
                   size_t dim, Put put);

/// Takes points apart into `state`, and checks each against what its batch wrote.
/// @return kInternal saying what is wrong.
Status read_points(const Points& points, size_t dim, State& state);

/// Reads all of a collection: by scan, count, get and exact search, which must agree with one
/// another and with what each point's batch wrote.
/// @return kInternal saying what is wrong, or the error of a call.
Result<State> read_state(Collection& collection, size_t dim);

std::string describe(const State& state);

/// The operations issued to a database, one thread, and which states they allow afterwards.
class History {
 public:
  /// @param durable  an acknowledged operation must survive; else only those before a flush.
  explicit History(bool durable = true) : durable_(durable) {}

  /// The collection will hold `after`.
  void issue(const std::string& name, State after);
  /// The collection will be there, empty, or be gone.
  void issue_create(const std::string& name);
  void issue_drop(const std::string& name);
  /// The operation issued last to the collection returned OK.
  void acknowledge(const std::string& name);
  /// The same for creating and dropping collections, which are durable at once in every mode.
  void acknowledge_durable(const std::string& name);
  /// The operation issued last to the collection was refused before it had any effect.
  void withdraw(const std::string& name) { candidates_[name].pop_back(); }
  /// Everything acknowledged so far is durable.
  void flushed();
  /// The collection is gone for this process; whether on disk too is open.
  void forget(const std::string& name) { visible_[name].reset(); }

  /// What the process sees; none = no such collection.
  const std::optional<State>& visible(const std::string& name) { return visible_[name]; }

  /// @return empty if the recovered collections are those after some prefix of the operations that
  ///         holds all that are durable; else why not.
  std::string explain(const std::map<std::string, State>& recovered) const;
  /// Goes on from what was recovered.
  void restart(const std::map<std::string, State>& recovered);

 private:
  struct Candidate {
    uint64_t operation = 0;
    std::optional<State> state;  // none = no such collection
    bool acknowledged = false;
  };
  void issue(const std::string& name, Candidate candidate);
  bool fits(uint64_t operation, const std::map<std::string, State>& recovered) const;

  const bool durable_;
  uint64_t operation_ = 0;
  std::map<std::string, std::vector<Candidate>> candidates_;  // the first is certain
  std::map<std::string, std::optional<State>> visible_;
};

}  // namespace omendb::crash
