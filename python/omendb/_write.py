"""add and upsert. Long batches are written in parts, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from omendb import _core
from omendb._batch import Batch, FieldBatch
from omendb._input import batches_in
from omendb._shown import shown
from omendb.errors import InvalidArgumentError

#: A batch below this many rows, and up to this many bytes, is one write; a larger one is split.
WHOLE_ROWS = 100_000
WHOLE_BYTES = 256 << 20
PART_ROWS = 32_768
PART_BYTES = 64 << 20


class _Bar(Protocol):
    def update(self, n: int) -> Any: ...
    def close(self) -> None: ...


def write(
    core: _core.Collection,
    element: str,
    fields: dict[str, str],
    data: Any,
    ids: Any,
    metadata: Any,
    vector: str | None,
    id: str | None,
    progress: bool | None,
    upsert: bool,
) -> Any:
    """Writes every batch in ``data``; returns the ids of all of them, in order."""
    written: list[Any] = []
    rows = 0
    bar: _Bar | None = None
    try:
        for batch in batches_in(
            data, element, fields, ids=ids, metadata=metadata, vector=vector, id=id
        ):
            parts = _parts(batch)
            if len(parts) > 1:
                _check_whole(batch)
            if bar is None and (progress or (progress is None and len(parts) > 1)):
                bar = _progress_bar(None if _is_stream(data) else len(batch), progress)
            for start, stop in parts:
                part = batch if len(parts) == 1 else batch.slice(start, stop)
                written.append(part.write(core, upsert, start))
                rows += len(part)
                if bar is not None:
                    bar.update(len(part))
    except BaseException as error:  # from the engine or from the caller's generator
        if rows:
            error.add_note(f"{rows:,} rows were written before this one failed, and stay")
        elif _is_stream(data):
            error.add_note("nothing was written")
        raise
    finally:
        if bar is not None:
            bar.close()
    return _joined(written or [_nothing(core)])


def _parts(batch: Batch | FieldBatch) -> list[tuple[int, int]]:
    """The row ranges of the writes that a batch is cut into."""
    rows = len(batch)
    if rows < WHOLE_ROWS and (batch.nbytes <= WHOLE_BYTES or rows <= 1):
        return [(0, rows)]
    step = max(1, min(PART_ROWS, PART_BYTES * rows // max(1, batch.nbytes)))
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def _check_whole(batch: Batch | FieldBatch) -> None:
    """Checks all rows first: bad input must change nothing, even if one add is several writes."""
    rows = len(batch)
    if batch.ids is not None:
        if len(batch.ids) != rows:
            raise InvalidArgumentError(
                f"{len(batch.ids)} ids for {rows} vectors; expected one id for each vector"
            )
        if (twice := given_twice(batch.ids)) is not None:
            raise InvalidArgumentError(f"id {shown(twice)} is given twice; ids must be unique")
    for of_field, vectors in batch.matrices():
        if vectors.dtype.kind == "f":
            _check_finite(vectors, of_field)


def _check_finite(vectors: NDArray[Any], of_field: str) -> None:
    for start in range(0, len(vectors), PART_ROWS):
        finite = np.isfinite(vectors[start : start + PART_ROWS])
        if not finite.all():
            row, position = (int(i) for i in np.argwhere(~finite)[0])
            value = vectors[start + row, position]
            raise InvalidArgumentError(
                f"vector {start + row}{of_field} holds {value} at position {position}; expected "
                "finite numbers"
            )


def given_twice(ids: Any) -> Any:
    """An id that the batch holds more than once, or None."""
    if isinstance(ids, tuple):
        seen: set[str] = set()
        for one in ids:
            if one in seen:
                return one
            seen.add(one)
        return None
    ordered = np.sort(ids)
    twins = ordered[1:][ordered[1:] == ordered[:-1]]
    return int(twins[0]) if len(twins) else None


def _nothing(core: _core.Collection) -> Any:
    """The ids of no points."""
    none = np.empty((0, 0), dtype=np.uint8 if core.element == "binary" else np.float32)
    return core.write(none, 0, None, None, False, first_row=0)


def _is_stream(data: Any) -> bool:
    return isinstance(data, Iterator)


def _progress_bar(total: int | None, progress: bool | None) -> _Bar | None:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    # disable=None: shown on terminals only.
    bar: _Bar = tqdm(
        total=total, unit=" vectors", unit_scale=True, disable=False if progress else None
    )
    return bar


def _joined(written: list[Any]) -> Any:
    if len(written) == 1:
        return written[0]
    if isinstance(written[0], list):
        return [one for part in written for one in part]
    return np.concatenate(written)
