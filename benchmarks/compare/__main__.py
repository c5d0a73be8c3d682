"""Runs the comparison: ``python benchmarks/compare`` or ``python -m benchmarks.compare``."""

from __future__ import annotations

import sys
from pathlib import Path


def _run() -> None:
    """Find the programs of benchmarks/ first: they are beside one another, not a package."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from compare.program import main

    main()


if __name__ == "__main__":
    _run()
