// How far the candidates of an index that estimates have to be measured for a wanted recall.
#pragma once

#include <span>

namespace omendb::collection {

/// The estimate up to which candidates have to be measured so that, of the nearest rows, the share
/// `recall` is expected among them. A row at the distance d has an estimate below t with the
/// probability P((t - d) / error), P being the normal distribution function: the wanted t is where
/// the mean of that over the nearest rows is `recall`. A neighbour well within the k-th distance is
/// seldom missed, so t may even be below the k-th distance. If all neighbours lie at the k-th
/// distance, t is beyond it by the quantile of `recall` for one row.
///
/// Example: nearest rows at 1, 2 and 10 (k = 3), error 0.1, recall 2/3. Any t between 2.3 and 9.7
/// will do: the rows at 1 and 2 are found, and the row at 10 is the third that may be missed.
///
/// @param distances  of the nearest rows known so far, in any order; not empty. As long as nearer
///                   rows are unknown the result is too large, never too small.
/// @param error      one standard deviation of the estimates, >= 0.
/// @param recall     0 < recall <= 1; infinity comes back for 1.
float recall_limit(std::span<const float> distances, float error, double recall);

}  // namespace omendb::collection
