"""What may be logged of an error of the engine, which may quote what was said."""

from __future__ import annotations

import traceback

from captioner.errors import CaptionerError

SPEECHLESS = (CaptionerError, RuntimeError, MemoryError, OSError)  # errors whose text may be logged


def reason(error: BaseException) -> dict[str, object]:
    """The fields of a log line: a foreign error's text may quote speech, its frames do not."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    frames = traceback.extract_tb(root.__traceback__)
    return {
        "error": type(root).__name__,
        "detail": str(root) if isinstance(root, SPEECHLESS) else "",
        "frames": [f"{each.filename}:{each.lineno} in {each.name}" for each in frames],
    }
