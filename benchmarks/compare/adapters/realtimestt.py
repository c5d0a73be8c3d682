"""RealtimeSTT's example server: framed samples; interims and finals by segment come back."""

from __future__ import annotations

import json
import struct
from typing import Any

from captioner.errors import ResourceExhausted, Unavailable
from captioner.transcript import SAMPLE_RATE
from compare.connection import Manner, SocketConnection, Text


class SegmentReader:
    """Each segment has interims until its final; segments follow each other in their numbers."""

    def __init__(self) -> None:
        self.text = Text("")
        self.ready = False
        self.over = False
        self.lost = 0
        self._recordings = 0
        self._stable = ""
        self._failed = 0
        self._finals: list[str] = []
        self._settled: set[int] = set()
        self._pending: dict[int, str] = {}

    @property
    def busy(self) -> bool:
        """Whether a recording began that has no final yet."""
        return self._recordings > len(self._finals) + self._failed

    def read(self, message: dict[str, Any]) -> bool:
        """Take a message."""
        match message:
            case {"type": "ready"}:
                self.ready = True
            case {"type": "timeline", "event": "recording_started"}:
                self._recordings += 1
            case {"type": "realtime", "segmentId": int(segment), "text": str(text)}:
                if segment not in self._settled:
                    self._pending[segment] = text.strip()
                    self._stable = str(message.get("stableText", ""))
                return self._show()
            case {"type": "final", "segmentId": int(segment), "text": str(text)}:
                self._settled.add(segment)
                self._pending.pop(segment, None)
                self._stable = ""
                self._finals.append(text.strip())
                return self._show()
            case {"type": "error", "where": "admission", "message": reason}:
                raise ResourceExhausted(str(reason))
            case {"type": "error", "where": "final"}:
                self._failed += 1
                self.lost += 1
            case {"type": "error", "message": reason}:
                raise Unavailable(str(reason))
            case {"type": "warning"}:
                self.lost += 1
            case _:
                pass
        return False

    def _show(self) -> bool:
        pending = " ".join(self._pending[segment] for segment in sorted(self._pending))
        # With two segments open it is of the later one, and no prefix: nothing is stable then.
        self.text = Text(" ".join(filter(None, self._finals)), pending, self._stable)
        return True


def packet(pcm: bytes) -> bytes:
    """Samples as the server takes them: the length of a JSON object, the object, the samples."""
    fields = {
        "sampleRate": SAMPLE_RATE,
        "channels": 1,
        "format": "pcm_s16le",
        "frames": len(pcm) // 2,
    }
    head = json.dumps(fields).encode()
    return struct.pack("<I", len(head)) + head + pcm


def open_track(port: int) -> SocketConnection:
    """A track of RealtimeSTT's example server."""
    manner = Manner(
        begin=json.dumps({"type": "start"}),
        frame=packet,
        end=json.dumps({"type": "stop"}),
        hangs_up=True,
    )
    return SocketConnection(f"ws://127.0.0.1:{port}/ws/transcribe", SegmentReader(), manner)
