// The one interface by which a part of a collection is searched.
#pragma once

#include <cstdint>
#include <span>

#include "index/gathered.h"
#include "index/prepared_queries.h"
#include "omendb/status.h"

namespace omendb::index {

/// Which rows of a part a search may return.
struct Scope {
  uint32_t source = 0;  ///< the caller's number for the part; goes into hits and candidates
  uint32_t first = 0;   ///< rows [first, end); a multiple of 64
  uint32_t end = 0;
  /// Bit r % 64 of word r / 64 says whether row r of the part may be returned; null: all may.
  const uint64_t* mask = nullptr;
  uint64_t matches = 0;  ///< rows of the scope that may be returned, or a little more

  uint32_t rows() const { return end - first; }
};

/// Finds rows of one part near to queries. There is one virtual call for a part and a batch of
/// queries, none for a distance. Immutable and thread-safe.
///
/// An index either measures, and adds hits, or it estimates, and offers candidates which the caller
/// measures as far as it needs to. It may offer rows in any order, and a row more than once.
class PartIndex {
 public:
  virtual ~PartIndex() = default;

  /// It can be asked for the rows [0, rows()) of the part.
  virtual uint32_t rows() const = 0;
  /// False once the index's file is found damaged or cut. Then its results must not be used, and
  /// the rows must be searched without it. A caller checks this after its last call of the index.
  /// Takes two memory accesses.
  virtual bool sound() const { return true; }

  /// Whether search() offers candidates to Gathered::candidates(). If not, it adds hits.
  virtual bool estimates() const = 0;
  /// Of the neighbours that a search may miss, the share that search() may pass over, as
  /// Gathered::wanted_reach() says; the rest is for the errors of its estimates. 0: it looks at all
  /// rows.
  virtual double share_of_misses() const { return 0; }
  /// How many rows a query looks at, about; other work counts as the rows that take as long.
  /// @param reach  the share of the k nearest rows that are to be among them.
  virtual double rows_looked_at(const Scope& scope, size_t k, double reach) const = 0;

  /// Searches the rows of the scope for every query.
  /// @param out  one a query, in the order of the queries; its budget (how many candidates, below
  ///             which estimate) and its reach (no hit beyond it counts) bound the work.
  /// @error kCorruption if the index or the rows are damaged; the error of PreparedQueries::stop(),
  ///        which is checked about once a millisecond.
  virtual Status search(PreparedQueries& queries, const Scope& scope,
                        std::span<Gathered* const> out) const = 0;

  /// How far the estimates of some candidates of this index may be off: one standard deviation of
  /// each, 0 for an index that measures.
  /// @param query  which of the queries they were estimated for.
  virtual Status standard_errors(PreparedQueries& queries, size_t query,
                                 std::span<const Candidate> candidates, float* out) const = 0;
};

}  // namespace omendb::index
