"""The result of ``measure_recall()``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecallReport:
    """How much of the truth searches found, and how long they took."""

    recall: float  #: mean share of a query's true neighbours that were found; 1 if none has any
    #: The range in which the mean of many such queries lies, with a probability of 95 %.
    low: float
    high: float  #: the upper end of that range
    queries: int  #: that have a true neighbour, and so are in the mean
    k: int  #: neighbours asked for
    microseconds: float  #: median time of one search
    exact_microseconds: float  #: mean time of one exact answer in a batch of many

    def __str__(self) -> str:
        return (
            f"recall@{self.k} {self.recall:.4f} ({self.low:.4f} to {self.high:.4f}) of "
            f"{self.queries:,} queries, {self.microseconds:,.0f} us a search, "
            f"{self.exact_microseconds:,.0f} us exact in a batch"
        )
