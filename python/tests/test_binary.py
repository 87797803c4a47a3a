"""Binary collections: bits as bools, or packed eight to a byte, and back in as they came out."""

from __future__ import annotations

from typing import Any

import numpy as np
import omendb
import pyarrow as pa
import pytest

BITS = np.random.default_rng(2).integers(0, 2, size=(6, 20)).astype(bool)


@pytest.fixture
def codes(db: omendb.Database) -> omendb.Collection:
    codes = db.collection("codes", dtype="binary")
    codes.add(BITS, metadata={"n": range(6)})
    return codes


def test_packed_bits_go_where_their_dimension_is_no_multiple_of_8(codes: omendb.Collection) -> None:
    packed = np.packbits(BITS, axis=1, bitorder="little")
    ids = codes.add(packed)
    point = codes.get(int(ids[3]))
    assert point is not None and np.array_equal(point.vector, packed[3])  # type: ignore[arg-type]
    found = codes.search(packed, k=2)
    assert all(set(found[i].ids.tolist()) == {i, i + 6} for i in range(6))
    with pytest.raises(omendb.InvalidArgumentError, match="bits set past dimension 20"):
        codes.add(np.full((1, 3), 255, dtype=np.uint8))
    with pytest.raises(omendb.DimensionError, match="32 dimensions"):
        codes.add(np.zeros((1, 4), dtype=np.uint8))


@pytest.mark.parametrize("form", ["itself", "to_arrow"])
def test_a_batch_of_a_scan_is_a_table_of_bits(
    db: omendb.Database, codes: omendb.Collection, form: str
) -> None:
    copy = db.collection("copy", dtype="binary", dim=20)
    for batch in codes.scan(batch_size=4):
        copy.add(batch if form == "itself" else getattr(batch, form)())
    assert len(copy) == 6 and copy.info().columns == {"n": "i64"}
    assert list(copy.get(range(6))) == list(codes.get(range(6)))


def test_a_part_of_an_arrow_array_of_bytes_is_that_part(codes: omendb.Collection) -> None:
    packed = np.packbits(BITS, axis=1, bitorder="little")
    rows = pa.array([row.tobytes() for row in packed], pa.binary(3))
    found = codes.search(pa.table({"code": rows}).slice(2, 3), k=1)
    assert found.ids.tolist() == [2, 3, 4]


def test_bytes_are_vectors_in_binary_collections_alone(codes: omendb.Collection, db: Any) -> None:
    rows = pa.table({"vector": pa.array([b"abc", None], pa.binary(3))})
    with pytest.raises(omendb.InvalidArgumentError, match='"vector", row 1: the vector is null'):
        codes.add(rows)
    with pytest.raises(omendb.TypeMismatchError, match="in a binary collection only"):
        db.add(rows, vector="vector")
    with pytest.raises(omendb.TypeMismatchError, match=r"no column .* lists of numbers"):
        db.add(rows)
