"""Converts vectors and queries to matrices that the engine can borrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omendb.errors import DimensionError, InvalidArgumentError, TypeMismatchError

_F32 = np.dtype(np.float32)

#: DLPack's kDLCPU and kDLCUDAHost.
_HOST_MEMORY = (1, 3)


def is_arrow(data: Any) -> bool:
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")


def is_one_vector(data: Any) -> bool:
    """Whether it is one vector: a sequence of numbers, not of vectors and not a single number."""
    if isinstance(data, list | tuple):
        return len(data) > 0 and not hasattr(data[0], "__len__")
    return getattr(data, "ndim", 2) == 1 and not holds_objects(data)


def holds_objects(data: Any) -> bool:
    """Whether it is an array or a column of a frame that may hold vectors."""
    return getattr(getattr(data, "dtype", None), "kind", "") == "O"


def vectors_in(data: Any, element: str, what: str = "vectors") -> tuple[NDArray[Any], int]:
    """(n x dim array that the engine can borrow, bits). One vector is a matrix of one row."""
    array = to_array(data, what)
    if array.size == 0 and array.ndim == 1:
        array = np.empty((0, 0), dtype=np.uint8 if element == "binary" else _F32)  # no vectors
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2:
        raise DimensionError(
            f"{what} have shape {array.shape}; expected (n, dim), or (dim,) for one vector"
        )
    if element == "binary":
        return _bits_in(array, what)
    if array.dtype.kind not in "fiu" or array.dtype.byteorder not in "=|":
        array = _real_numbers(array, what)
    wanted = {"f16": np.dtype(np.float16), "i8": np.dtype(np.int8)}.get(element, _F32)
    if array.dtype != wanted and array.dtype != _F32:
        array = _as_f32(array, what)
    return _side_by_side(array), 0


def _as_f32(array: NDArray[Any], what: str) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        floats = array.astype(_F32)
    infinite = np.isinf(floats)
    if infinite.any() and (lost := infinite & np.isfinite(array)).any():
        row, position = (int(i) for i in np.argwhere(lost)[0])
        one = "query" if what == "queries" else "vector"
        raise InvalidArgumentError(
            f"{one} {row} holds {array[row, position]} at position {position}; float32 holds "
            "numbers up to 3.4e38"
        )
    return floats


def _real_numbers(array: NDArray[Any], what: str) -> NDArray[Any]:
    kinds = {"b": "bool", "c": "complex numbers", "O": "objects", "U": "str", "S": "bytes"}
    if array.dtype.kind in "fiu":
        return array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "V" and array.dtype.names is None and _is_number(array.dtype):
        return array.astype(_F32)  # bfloat16 and its like, of ml_dtypes
    got = kinds.get(array.dtype.kind, str(array.dtype))
    raise TypeMismatchError(f"{what} hold {got}; expected real numbers, such as float32")


def _is_number(dtype: np.dtype[Any]) -> bool:
    return dtype.name.startswith(("bfloat", "float")) and np.can_cast(dtype, _F32)


def _bits_in(array: NDArray[Any], what: str) -> tuple[NDArray[Any], int]:
    if array.dtype == np.bool_:
        return np.packbits(array, axis=1, bitorder="little"), int(array.shape[1])
    if array.dtype == np.uint8:
        return _side_by_side(array), 0
    raise TypeMismatchError(
        f"{what} are {array.dtype}; a binary collection takes bool (one a bit) or uint8 "
        "(eight bits a byte, lowest bit first)"
    )


def _side_by_side(array: NDArray[Any]) -> NDArray[Any]:
    """The rows, each contiguous and one after the other in memory. Copies them if they are not."""
    rows, columns = array.shape
    row_bytes = columns * array.itemsize
    inner = columns < 2 or array.strides[1] == array.itemsize
    outer = rows < 2 or array.strides[0] >= row_bytes
    if inner and outer and array.flags.aligned:
        return array
    return np.ascontiguousarray(array)


def to_array(data: Any, what: str) -> NDArray[Any]:
    """One vector or a matrix, whose numbers are not checked yet."""
    if isinstance(data, np.ndarray):
        if data.dtype == object and data.ndim == 1 and data.size and hasattr(data[0], "__len__"):
            return to_array(data.tolist(), what)  # a column of arrays, as df.vector.to_numpy()
        return unmasked(data, what)
    if getattr(data, "requires_grad", False):
        data = data.detach()
    if str(getattr(data, "dtype", "")).endswith("bfloat16") and hasattr(data, "float"):
        data = data.float()  # NumPy has no bfloat16; float32 holds each value exactly
    if hasattr(data, "__dlpack__"):
        if data.__dlpack_device__()[0] not in _HOST_MEMORY:
            raise TypeMismatchError(f"{what} are on another device; move them to the CPU first")
        try:
            return np.from_dlpack(data)
        except (BufferError, RuntimeError, TypeError) as error:
            raise TypeMismatchError(f"{what} could not be read through DLPack: {error}") from error
    if isinstance(data, str | bytes | Mapping | Set) or not hasattr(data, "__len__"):
        raise TypeMismatchError(
            f"{what} are a {type(data).__name__}; expected a matrix: NumPy, DLPack, Arrow, or "
            "lists of numbers"
        )
    if len(data) > 0 and hasattr(data, "__getitem__") and not hasattr(data, "__array__"):
        _check_ragged(data, what)
    try:
        return np.asarray(data)
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeMismatchError(f"{what} cannot be made into a matrix: {error}") from error


def unmasked(array: NDArray[Any], what: str) -> NDArray[Any]:
    """The array itself. Refuses an array with masked values, which would be stored as numbers."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise InvalidArgumentError(f"{what} are masked; expected an array without missing values")
    return array


def _check_ragged(rows: Sequence[Any], what: str) -> None:
    """Names the first row whose length differs, which NumPy would not."""
    if not isinstance(rows, list | tuple) or not hasattr(rows[0], "__len__"):
        return
    if isinstance(rows[0], str | bytes):
        return
    for i, row in enumerate(rows):
        if row is None:
            raise InvalidArgumentError(f"{what}: row {i} is None; drop the row")
        length = len(row) if hasattr(row, "__len__") else 0
        if length != len(rows[0]):
            raise DimensionError(
                f"{what}: row {i} has {length} dimensions; row 0 has {len(rows[0])}"
            )
