"""Long waits, in parts: Python handles signals, such as Ctrl-C, between two of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from omendb.errors import OmendbError

T = TypeVar("T")

_PART = 200


def in_parts(milliseconds: int, wait: Callable[[int], T], too_short: type[OmendbError]) -> T:
    """Calls wait(milliseconds) until it raises no ``too_short`` or the time is over.

    Less than 0 milliseconds wait as long as it takes.
    """
    end = math.inf if milliseconds < 0 else time.monotonic() + milliseconds / 1000
    part = _PART if milliseconds < 0 else min(milliseconds, _PART)
    while True:
        try:
            return wait(part)
        except too_short as error:
            left = (end - time.monotonic()) * 1000
            if left <= 0:
                error.args = (str(error).replace(f" {part} ms", f" {milliseconds} ms"),)
                raise
        part = math.ceil(min(left, _PART))
