"""What a process that decodes and the one that asked it say to each other, over a socket.

    asker                               decoder
                                        READY     once, after it has given up its rights
    PROBE request + descriptor    ->    PROBED | ERROR
    OPEN request + descriptor     ->    OPENED | ERROR
    GO                            ->    BLOCK | PROGRESS ..., then END | ERROR
    CLOSE                         ->              (instead of GO)

PROGRESS may come before any answer. A message is a header and a payload: JSON, or the samples of a
block as little-endian 32-bit floats.
"""

from __future__ import annotations

import enum
import json
import math
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final

from captioner.audio.media import BLOCK, MediaInfo, TrackInfo
from captioner.errors import InvalidRequest, UnsupportedAudio

MAX_PAYLOAD: Final = 256 * 1024  # bytes: twice the largest block, or 64 tracks with long titles
_HEADER = struct.Struct("<BxxxII")  # kind, damaged packets so far, bytes that follow
_SAMPLE_BYTES = 4
assert 2 * BLOCK * _SAMPLE_BYTES <= MAX_PAYLOAD


class Kind(enum.IntEnum):
    """What a message is."""

    PROBE = 1
    OPEN = 2
    GO = 3
    CLOSE = 4
    READY = 5
    PROBED = 6
    OPENED = 7
    BLOCK = 8
    PROGRESS = 9
    END = 10
    ERROR = 11


class Nonsense(Exception):
    """What came from the decoder is not of the protocol; the text says what."""

    def __init__(self, what: str) -> None:
        super().__init__(f"its decoder answered nonsense ({what})")


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was received."""

    kind: Kind
    payload: bytearray
    damaged: int
    """Packets of the recording that could not be decoded so far."""

    def fields(self) -> dict[str, Any]:
        """The payload of all but blocks.

        Raises:
            Nonsense: it is no object of JSON.
        """
        try:
            fields = json.loads(self.payload or b"{}")
        except ValueError as error:
            raise Nonsense(f"{self.kind.name} without JSON") from error
        if not isinstance(fields, dict):
            raise Nonsense(f"{self.kind.name} without an object")
        return fields


@dataclass(frozen=True, slots=True)
class Request:
    """What PROBE and OPEN ask, beside the descriptor of the recording."""

    name: str
    offset: int = 0
    """The byte of the file where the recording starts."""
    track: int = 0
    channel: int | None = None


class Link:
    """One end of the connection. Blocks for at most the timeout of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(
        self,
        kind: Kind,
        payload: bytes | dict[str, Any] = b"",
        *,
        damaged: int = 0,
        descriptor: int | None = None,
    ) -> None:
        """Send one message, and an open file with it.

        Raises:
            OSError: the other end is gone.
        """
        if isinstance(payload, dict):
            payload = json.dumps(payload).encode()
        header = _HEADER.pack(kind, damaged, len(payload))
        if descriptor is not None:
            sent = socket.send_fds(self._connection, [header], [descriptor])
            header = header[sent:]
        self._connection.sendall(header + payload)

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            EOFError: the other end is gone.
            TimeoutError: nothing came.
            Nonsense: what came is no message.
        """
        return self._complete(self._exactly(_HEADER.size))

    def receive_with_file(self) -> tuple[Message, int | None]:
        """Wait for the next message; and for the open file that came with it, if one did."""
        first, descriptors, _, _ = socket.recv_fds(self._connection, _HEADER.size, 1)
        if not first:
            raise EOFError
        header = bytearray(first) + self._exactly(_HEADER.size - len(first))
        return self._complete(header), descriptors[0] if descriptors else None

    def _complete(self, header: bytearray) -> Message:
        number, damaged, length = _HEADER.unpack(header)
        try:
            kind = Kind(number)
        except ValueError:
            raise Nonsense(f"a message of kind {number}") from None
        if length > MAX_PAYLOAD:
            raise Nonsense(f"{kind.name} of {length} bytes, expected {MAX_PAYLOAD} at most")
        return Message(kind, self._exactly(length), damaged)

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            received = self._connection.recv_into(rest)
            if not received:
                raise EOFError
            rest = rest[received:]
        return data


def error_fields(error: InvalidRequest) -> dict[str, Any]:
    """An error as ERROR carries it."""
    return {
        "unsupported": isinstance(error, UnsupportedAudio),
        "message": str(error),
        "field": error.violations[0].field if error.violations else "",
    }


def error_from(fields: dict[str, Any]) -> InvalidRequest:
    """The error that ERROR carries."""
    kind = UnsupportedAudio if fields.get("unsupported") else InvalidRequest
    message = "".join(c for c in str(fields.get("message")) if c.isprintable())
    return kind(message, field=str(fields.get("field", "")))


def seconds_from(value: object) -> float | None:
    """A duration as OPENED and PROBED carry it; None when it is no possible one."""
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    return None


def info_from(fields: dict[str, Any]) -> MediaInfo:
    """What PROBED carries.

    Raises:
        Nonsense: something is missing.
    """
    try:
        tracks = tuple(
            TrackInfo(
                index=int(track["index"]),
                codec=str(track["codec"]),
                channels=int(track["channels"]),
                sample_rate=int(track["sample_rate"]),
                language=str(track["language"]),
                title=str(track["title"]),
                duration=seconds_from(track["duration"]),
            )
            for track in fields["tracks"]
        )
        return MediaInfo(str(fields["format"]), seconds_from(fields["duration"]), tracks)
    except (KeyError, TypeError, ValueError) as error:
        raise Nonsense("PROBED without what it is about") from error
