"""The audio of a session that may still be decoded, addressed by position in the session."""

from __future__ import annotations

import numpy as np

from captioner.asr.engine import Features, Float32
from captioner.asr.window import MEL_HOP, window_length
from captioner.audio.mel import BLOCK, LogMelStream
from captioner.models.manifest import WindowRule

GRID = BLOCK * MEL_HOP  # blocks of log-mel frames lie at multiples of this: so do the streams


class SessionAudio:
    """An unbroken stretch of a session's audio, from `start` on.

    Two stretches that hold the same samples at the same positions give the same features,
    wherever they start: their log-mel frames lie on the same grid.
    """

    def __init__(self, start: int, n_mels: int) -> None:
        self._base = start // GRID * GRID
        self._mel = LogMelStream(n_mels)
        self._mel.append(np.zeros(start - self._base, np.float32))

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self._base + self._mel.end

    def append(self, audio: Float32) -> None:
        """Add samples at the end."""
        self._mel.append(audio)

    def samples(self, start: int, stop: int) -> Float32:
        """The samples of [start, stop), which later audio does not touch."""
        return self._mel.audio(start - self._base, stop - self._base)

    def features(self, start: int, stop: int, rule: WindowRule, *, at_least: int = 0) -> Features:
        """Log-mel of [start, stop) and of the silence that a window rule adds."""
        length = window_length(stop - start, rule, at_least=at_least)
        return self._mel.window(
            start - self._base, stop - self._base, silence=length - (stop - start)
        )

    def forget(self, before: int) -> None:
        """Drop what lies before a position."""
        self._mel.forget(min(max(before - self._base, 0), self._mel.end))
