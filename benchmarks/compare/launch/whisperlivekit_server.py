"""WhisperLiveKit as a server: run by the Python of its own environment.

The first argument is the beam size of the decoder, for which it has no option (0: its own); the
others are those of its server.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def use_beam(size: int) -> None:
    """Have faster-whisper decode with that beam, whatever it is asked for."""
    model = importlib.import_module("faster_whisper").WhisperModel
    original = model.transcribe

    def transcribe(self: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - no types
        return original(self, *arguments, **(options | {"beam_size": size}))

    model.transcribe = transcribe


def start(beam_size: int) -> None:
    """Serve until the process is ended."""
    if beam_size:
        use_beam(beam_size)
    importlib.import_module("whisperlivekit.basic_server").main()


if __name__ == "__main__":
    beam = int(sys.argv.pop(1))
    start(beam)
