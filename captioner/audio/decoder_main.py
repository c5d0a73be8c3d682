"""What the decoding process runs: one recording after the other, from a socket to the same socket.

Standard input is the socket. See ``messages`` for what is said on it.
"""

from __future__ import annotations

import dataclasses
import io
import os
import socket
import struct
import sys
import time
from typing import BinaryIO, Final, cast

import numpy as np

from captioner.audio import sandbox
from captioner.audio.container import describe, open_container
from captioner.audio.decoder import Decoder
from captioner.audio.file_view import FileView
from captioner.audio.messages import Kind, Link, Message, Request, error_fields
from captioner.errors import InvalidRequest, UnsupportedAudio

MEBIBYTE: Final = 1024 * 1024
_SIGN_OF_LIFE: Final = 1.0  # seconds between messages while nothing comes out


def main(memory: int, patience: float) -> None:
    """Serve until the other side is gone.

    Args:
        memory: Bytes of memory that decoding may take.
        patience: Seconds of processor time that may pass without progress.
    """
    link = Link(socket.socket(fileno=sys.stdin.fileno()))
    _warm_up()
    link.send(Kind.READY, {"granted": sandbox.restrict(memory=memory)})
    try:
        while True:
            message, descriptor = link.receive_with_file()
            assert descriptor is not None, f"{message.kind.name} came without a file"
            sandbox.allow_processor(patience)
            with os.fdopen(descriptor, "rb", buffering=0):
                _Task(link, descriptor, message, memory=memory, patience=patience).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Task:
    """One request, until it is answered."""

    def __init__(
        self, link: Link, descriptor: int, message: Message, *, memory: int, patience: float
    ) -> None:
        self._link = link
        self._kind = message.kind
        self._request = Request(**message.fields())
        self._memory = memory
        self._patience = patience
        self._decoder: Decoder | None = None
        self._said = time.monotonic()
        self._file = FileView(descriptor, self._request.offset, self._sign_of_life)

    def run(self) -> None:
        try:
            self._answer()
        except InvalidRequest as error:
            self._say(Kind.ERROR, error_fields(error))
        except MemoryError:
            self._say(Kind.ERROR, error_fields(UnsupportedAudio(self._too_large())))

    def _answer(self) -> None:
        name = self._request.name
        file = cast("BinaryIO", io.BufferedReader(self._file))
        if self._kind is Kind.PROBE:
            with open_container(file, name) as container:
                self._say(Kind.PROBED, dataclasses.asdict(describe(container)))
            return
        track, channel = self._request.track, self._request.channel
        with Decoder(file, name, track=track, channel=channel) as self._decoder:
            self._say(Kind.OPENED, {"duration": self._decoder.duration})
            if self._link.receive().kind is Kind.GO:
                self._stream(self._decoder)

    def _stream(self, decoder: Decoder) -> None:
        for block in decoder.blocks():
            self._say(Kind.BLOCK, block.astype("<f4", copy=False).tobytes())
            sandbox.allow_processor(self._patience)
        self._say(Kind.END)

    def _say(self, kind: Kind, payload: bytes | dict[str, object] = b"") -> None:
        damaged = self._decoder.damaged if self._decoder else 0
        self._link.send(kind, payload, damaged=damaged)
        self._said = time.monotonic()

    def _sign_of_life(self) -> None:
        if time.monotonic() - self._said > _SIGN_OF_LIFE:
            self._say(Kind.PROGRESS)
            sandbox.allow_processor(self._patience)

    def _too_large(self) -> str:
        where = f"beyond {self._decoder.position:.1f} s" if self._decoder else "at all"
        return (
            f"{self._request.name} cannot be decoded {where}: that takes more than "
            f"{self._memory // MEBIBYTE} MiB of memory"
        )


def _warm_up() -> None:
    """Decode a moment of silence, so that nothing is left to import when no file can be opened."""
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 320, b"WAVE", b"fmt ", 16, 1, 2,
                         8_000, 32_000, 4, 16, b"data", 320)  # fmt: skip
    with Decoder(io.BytesIO(header + bytes(320)), "silence") as decoder:
        silence = np.concatenate(list(decoder.blocks()))
    assert not silence.any()
    try:
        with Decoder(io.BytesIO(bytes(64)), "nothing"):
            raise AssertionError("zeros are no recording")
    except UnsupportedAudio:
        pass
