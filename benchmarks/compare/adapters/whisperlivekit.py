"""WhisperLiveKit: raw samples; the whole transcript comes back at each update."""

from __future__ import annotations

from typing import Any

from captioner.errors import Unavailable
from compare.connection import Manner, SocketConnection, Text

SILENCE = -2  # the "speaker" of a line that says nothing
CONFIG = "config"
DONE = "ready_to_stop"


class TranscriptReader:
    """Lines are committed text; what is in the buffer is not."""

    def __init__(self) -> None:
        self.text = Text("")
        self.ready = False
        self.over = False
        self.busy = False
        self.lost = 0

    def read(self, message: dict[str, Any]) -> bool:
        """Take a message."""
        match message:
            case {"type": "error", "error": reason}:
                raise Unavailable(str(reason))
            case {"type": kind} if kind == CONFIG:
                self.ready = True
            case {"type": kind} if kind == DONE:
                self.over = True
            case {"lines": list(lines), "buffer_transcription": str(pending)}:
                said = [
                    str(line["text"]).strip()
                    for line in lines
                    if line.get("text") and line.get("speaker") != SILENCE
                ]
                self.text = Text(" ".join(said), pending.strip())
                return True
            case _:
                pass
        return False


def open_track(port: int) -> SocketConnection:
    """A track of a WhisperLiveKit server. An empty message ends it, and everything is flushed."""
    manner = Manner(end=b"", needs_silence=False)
    return SocketConnection(f"ws://127.0.0.1:{port}/asr", TranscriptReader(), manner)
