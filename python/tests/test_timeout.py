"""A search that gives up in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import omendb
import pytest


@pytest.fixture
def db() -> Iterator[omendb.Database]:
    with omendb.open(":memory:") as database:
        yield database


def test_a_search_that_takes_longer_than_its_timeout_raises_a_timeout_error(
    db: omendb.Database,
) -> None:
    rng = np.random.default_rng(3)
    db.add(rng.standard_normal((20_000, 256), dtype=np.float32))
    queries = rng.standard_normal((5_000, 256), dtype=np.float32)
    with pytest.raises(omendb.DeadlineError, match="timeout of 1 ms") as caught:
        db.search(queries, exact=True, timeout=0.0005)
    assert isinstance(caught.value, TimeoutError)
    assert len(db.search(queries[:3], timeout=1e9)) == 3


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_no_time_is_refused(db: omendb.Database, timeout: float) -> None:
    db.add(np.ones((1, 2), np.float32))
    with pytest.raises(omendb.InvalidArgumentError, match="timeout is"):
        db.search([1.0, 2.0], timeout=timeout)


def test_a_timeout_of_another_type_is_named(db: omendb.Database) -> None:
    db.add(np.ones((1, 2), np.float32))
    wrong: Any = "2s"
    with pytest.raises(omendb.TypeMismatchError, match="timeout is '2s'"):
        db.search([1.0, 2.0], timeout=wrong)


@pytest.mark.parametrize("timeout", [0.5, None])
def test_waiting_for_background_work_comes_back_to_handle_signals(
    db: omendb.Database, timeout: float | None
) -> None:
    """The engine is asked for short waits, and Python handles signals between two of them."""
    waits: list[int] = []

    class Busy:
        def optimize(self, milliseconds: int) -> None:
            waits.append(milliseconds)
            if timeout is None and len(waits) == 3:
                raise KeyboardInterrupt  # as a handler would, after two waits
            raise omendb.DeadlineError("still has work")

    stub: Any = Busy()
    db._core_collection = stub
    error = KeyboardInterrupt if timeout is None else omendb.DeadlineError
    with pytest.raises(error):
        db.optimize(timeout=timeout)
    assert len(waits) > 1 and all(0 <= wait <= 200 for wait in waits)
