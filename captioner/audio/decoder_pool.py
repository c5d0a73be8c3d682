"""The processes that decode recordings, kept for the next one: starting one takes 0.3 s."""

from __future__ import annotations

import threading
from typing import Final

from captioner.audio.decoder_process import DecoderLimits, DecoderProcess
from captioner.errors import ResourceExhausted

MAX_PROCESSES: Final = 64  # recordings that are open at once
MAX_IDLE: Final = 2  # processes kept while nothing is decoded, of about 60 MB each


class DecoderPool:
    """Hands out processes that decode. Any thread may call it."""

    def __init__(self, limits: DecoderLimits | None = None, *, idle: int = MAX_IDLE) -> None:
        self.limits = limits or DecoderLimits()
        self._most_idle = idle
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._lent = 0
        self._closed = False

    def acquire(self) -> DecoderProcess:
        """A process for one recording, to be given back with `release`.

        Raises:
            ResourceExhausted: `MAX_PROCESSES` are in use.
        """
        with self._lock:
            if self._lent >= MAX_PROCESSES:
                raise ResourceExhausted(
                    f"{self._lent} recordings are being decoded, the limit is {MAX_PROCESSES}",
                    subject="recordings",
                )
            self._lent += 1
            process = self._idle.pop() if self._idle else None
        if process is not None and process.alive:
            return process
        if process is not None:
            process.kill()
        try:
            return DecoderProcess(self.limits)
        except BaseException:
            with self._lock:
                self._lent -= 1
            raise

    def release(self, process: DecoderProcess, *, reusable: bool) -> None:
        """Take a process back; one that met bad bytes, or is in the middle, is not reusable."""
        with self._lock:
            self._lent -= 1
            keep = (
                reusable
                and process.files < self.limits.files
                and len(self._idle) < self._most_idle
                and not self._closed
            )
            if keep:
                self._idle.append(process)
        if not keep:
            process.kill()

    def close(self) -> None:
        """End the idle processes; those in use end when they are released."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for process in idle:
            process.kill()
