"""python -m omendb: what was installed, and where."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np

import omendb
from omendb import _core


def main() -> int:
    isas = ", ".join(_core.supported_isas())
    print(f"OmenDB {omendb.__version__}")
    print(f"  installed in   {Path(omendb.__file__).parent}")
    print(f"  instructions   {_core.active_isa()} in use; this machine runs {isas}")
    print(f"  compiled by    {_core.compiler}")
    print(f"  running on     Python {platform.python_version()}, NumPy {np.__version__}")
    print('  to start       db = omendb.open("./vectors.db"); db.add(vectors); db.search(query)')
    return 0


if __name__ == "__main__":
    sys.exit(main())
