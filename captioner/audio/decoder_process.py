"""A process that decodes recordings and may do nothing else, as its parent sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import captioner
from captioner.audio.messages import Kind, Link, Message, Nonsense, Request
from captioner.errors import Unavailable

_MEBIBYTE: Final = 1024 * 1024
_START_PATIENCE: Final = 60.0  # seconds to import what decodes, on a machine that is busy
_END_PATIENCE: Final = 5.0  # seconds that a killed process may take to be gone
_MAX_COMPLAINT: Final = 4096  # bytes that are read of what it wrote before it died
# It gets the import path from here, and no settings or secrets. One thread computes.
_PROGRAM: Final = (
    "import sys; sys.path[:] = sys.argv[3:]; from captioner.audio.decoder_main import main; "
    "main(int(sys.argv[1]), float(sys.argv[2]))"
)
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What decoding may take."""

    memory: int = 1024 * _MEBIBYTE
    """Bytes of a process, beyond the 200 MiB that it has mapped at its start. An hour of a film in
    an MP4 takes 31 MiB, for its table of contents; most other recordings take next to nothing."""
    patience: float = 60.0
    """Seconds without progress after which a process is killed."""
    longest: float = 24 * 3600.0
    """Seconds of a recording."""
    copied: int = 16 * 1024**3
    """Bytes that are read from a pipe."""
    files: int = 100
    """Recordings that one process decodes before another takes its place."""


class DecoderDied(Exception):
    """The process is gone; the text says why, to follow the name of a recording and a colon."""


class DecoderProcess:
    """One process; it decodes one recording at a time."""

    def __init__(self, limits: DecoderLimits) -> None:
        self._limits = limits
        self.granted: tuple[str, ...] = ()
        """What it was barred from by the kernel, once it is ready: see ``sandbox.restrict``."""
        self.files = 0
        """Recordings that it was given so far."""
        here, there = socket.socketpair()
        try:
            with there:
                self._process = _start(there, limits)
        except BaseException:
            here.close()
            raise
        here.settimeout(limits.patience)
        self._socket = here
        self._link = Link(here)
        self._ready = False

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def ask(self, kind: Kind, request: Request, descriptor: int) -> Message:
        """Hand it a recording.

        Returns:
            The first answer: PROBED, OPENED or ERROR.

        Raises:
            DecoderDied: it is of no use any more.
            Unavailable: it never was.
        """
        self.files += 1
        try:
            self._link.send(kind, asdict(request), descriptor=descriptor)
        except OSError:
            raise self._died() from None
        self._await_start()
        return self.receive()

    def tell(self, kind: Kind) -> None:
        """Send what needs no payload.

        Raises:
            DecoderDied: it is of no use any more.
        """
        try:
            self._link.send(kind)
        except OSError:
            raise self._died() from None

    def receive(self) -> Message:
        """Wait for the next message that is no mere sign of life.

        Raises:
            DecoderDied: it is of no use any more.
        """
        while True:
            message = self._receive()
            if message.kind is not Kind.PROGRESS:
                return message

    def kill(self) -> None:
        """End it, and wait until it is gone. May be called again."""
        self._process.kill()
        # A process that hangs in the kernel, on a file system that does not answer, outlives this.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_PATIENCE)
        self._socket.close()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _await_start(self) -> None:
        if self._ready:
            return
        self._socket.settimeout(_START_PATIENCE)
        try:
            self.granted = tuple(self._receive().fields().get("granted", ()))
        except DecoderDied as death:
            raise Unavailable(
                f"the process that decodes recordings does not start: {death}"
            ) from None
        self._socket.settimeout(self._limits.patience)
        self._ready = True

    def _receive(self) -> Message:
        try:
            return self._link.receive()
        except TimeoutError:
            self.kill()
            raise DecoderDied(
                f"decoding made no progress for {self._socket.gettimeout():g} s"
            ) from None
        except (EOFError, ConnectionResetError):
            raise self._died() from None
        except Nonsense as error:
            self.kill()
            raise DecoderDied(str(error)) from None

    def _died(self) -> DecoderDied:
        """Why it died, now that the connection is broken."""
        try:
            status = self._process.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            status = 0  # it closed the connection and went on: nothing that our code does
        complaint = self._complaint()
        self.kill()
        if status == -signal.SIGXCPU:
            return DecoderDied(
                f"decoding made no progress for {self._limits.patience:g} s of processor time"
            )
        if status < 0:
            return DecoderDied(f"its decoder was ended by {signal.Signals(-status).name}")
        return DecoderDied(f"its decoder ended with status {status}{complaint}")

    def _complaint(self) -> str:
        """The last line that it wrote to its standard error, to follow its status."""
        errors = self._process.stderr
        assert errors is not None
        if errors.closed:
            return ""
        os.set_blocking(errors.fileno(), False)
        lines = (errors.read(_MAX_COMPLAINT) or b"").decode(errors="replace").splitlines()
        last = "".join(c for c in lines[-1] if c.isprintable()) if lines else ""
        return f": {last}" if last else ""


def _start(connection: socket.socket, limits: DecoderLimits) -> subprocess.Popen[bytes]:
    # What is installed by import hooks is not on the path: this package itself may be.
    here = str(Path(captioner.__file__).parents[1])
    paths = [*(path for path in sys.path if path), here]
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    return subprocess.Popen(  # noqa: S603 - this very interpreter
        [*command, str(limits.memory), str(limits.patience), *paths],
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,  # an interrupt from the terminal is not for it
        bufsize=0,
    )
