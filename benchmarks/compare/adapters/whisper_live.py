"""WhisperLive: a JSON hello, then raw samples; segments come back, those completed repeated."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from captioner.errors import ResourceExhausted, Unavailable
from compare.connection import Manner, SocketConnection, Text

READY = "SERVER_READY"
END = b"END_OF_AUDIO"


class SegmentReader:
    """Completed segments are kept, by their start; the one that is not replaces its last version.

    Only the last few completed segments are repeated in a message.
    """

    def __init__(self) -> None:
        self.text = Text("")
        self.ready = False
        self.over = False
        self.busy = False
        self.lost = 0
        self._completed: dict[str, str] = {}

    def read(self, message: dict[str, Any]) -> bool:
        """Take a message."""
        match message:
            case {"status": "WAIT", "message": wait}:
                raise ResourceExhausted(f"full: told to wait for {float(wait):.2f} minutes")
            case {"status": "ERROR", "message": reason}:
                raise Unavailable(str(reason))
            case {"message": str(text)} if text == READY:
                self.ready = True
            case {"message": "DISCONNECT"}:
                raise Unavailable("the time of the connection was up")
            case {"segments": list(segments)}:
                self._take(segments)
                return True
            case _:
                pass
        return False

    def _take(self, segments: list[dict[str, Any]]) -> None:
        pending = [each["text"].strip() for each in segments if not each["completed"]]
        for each in segments:
            if each["completed"]:
                self._completed[each["start"]] = each["text"].strip()
        ordered = sorted(self._completed, key=float)
        self.text = Text(" ".join(self._completed[it] for it in ordered), " ".join(pending))


def open_track(port: int) -> SocketConnection:
    """A track of a WhisperLive server, with the options that its own client sends."""
    hello = {
        "uid": str(uuid4()),
        "language": "fr",
        "task": "transcribe",
        "model": "base",
        "use_vad": True,
        "audio_format": "int16",
        "send_last_n_segments": 10,
        "no_speech_thresh": 0.45,
        "clip_audio": False,
        "same_output_threshold": 10,
    }
    manner = Manner(hello=json.dumps(hello), end=END, hangs_up=True)
    return SocketConnection(f"ws://127.0.0.1:{port}", SegmentReader(), manner)
