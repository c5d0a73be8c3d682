"""The voice detector of one stream: a level floor, then the WebRTC gate, then Silero."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from captioner.vad import FRAME_SAMPLES
from captioner.vad.silero import Samples, SileroDetector, SileroModel
from captioner.vad.webrtc import WebRtcGate

LEVEL_FLOOR: Final = 0.001  # peak of a frame below which nobody speaks: -60 dBFS
LOOKBACK_FRAMES: Final = 8  # silent frames that Silero hears first when it wakes: 256 ms
WAKE_FRAMES: Final = 8  # frames that Silero judges once the gate opened, this one included
HANGOVER_FRAMES: Final = 24  # frames that Silero still judges after one it thought voiced: 0.77 s
VOICED: Final = 0.3  # probability that starts the hang-over; below any threshold in use
_INT16_SCALE: Final = np.float32(32768)


class VoiceActivity(Protocol):
    """Whoever turns the audio of one stream into speech probabilities, 512 samples at a time."""

    def process(self, samples: Samples) -> NDArray[np.float32]:
        """Take the next samples; return the probability of each frame that they complete."""
        ...

    def flush(self) -> NDArray[np.float32]:
        """Judge the incomplete last frame, if any, as though silence followed."""
        ...

    def reset(self, position: int) -> None:
        """Restart as a new stream whose first sample is ``position``."""
        ...


class VoiceDetector:
    """Speech probabilities of one stream: Silero's, and 0.0 where the gate heard clear silence.

    Frame ``k`` covers the samples ``[k * 512, (k + 1) * 512)`` after the last ``reset``. Whether
    Silero judges a frame depends on the frames up to it and never on how the audio was cut into
    calls. When the gate opens Silero first hears a short lookback, so that it meets the beginning
    of the word as if it had listened all along; frames already reported stay 0.0, which the
    pre-roll of an utterance makes good.
    """

    def __init__(self, model: SileroModel, *, gate: WebRtcGate | None = None) -> None:
        self._silero = SileroDetector(model)
        self._gate = gate if gate is not None else WebRtcGate()
        self._lookback: deque[Samples] = deque(maxlen=LOOKBACK_FRAMES)
        self._remainder: Samples = np.empty(0, np.float32)  # samples short of a whole frame
        self._awake_for = 0  # frames that Silero is still bound to judge
        self.reset(0)

    @property
    def position(self) -> int:
        """The first sample of the next frame."""
        return self._position

    def process(self, samples: Samples) -> NDArray[np.float32]:
        """Take the next samples; return the probability of each frame that they complete.

        Args:
            samples: (n,) in [-1, 1] at 16 kHz, any number of them, none included.
        """
        pending = np.concatenate((self._remainder, samples))
        count = len(pending) // FRAME_SAMPLES
        self._remainder = pending[count * FRAME_SAMPLES :].copy()
        if not count:
            return np.empty(0, np.float32)
        self._position += count * FRAME_SAMPLES
        return self._judge(pending[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES))

    def flush(self) -> NDArray[np.float32]:
        """Judge the incomplete last frame, completed with silence: 0 or 1 probability.

        The frame counts as whole, so a stream that goes on must ``reset`` first.
        """
        if not len(self._remainder):
            return np.empty(0, np.float32)
        missing = FRAME_SAMPLES - len(self._remainder)
        return self.process(np.zeros(missing, np.float32))

    def reset(self, position: int) -> None:
        """Restart as a new stream whose first sample is ``position``."""
        self._position = position
        self._remainder = np.empty(0, np.float32)
        self._silero.reset()
        self._gate.reset()
        self._lookback.clear()
        # A restart may fall amid speech, and the gate knows nothing yet: Silero begins awake.
        self._awake_for = HANGOVER_FRAMES

    def _judge(self, frames: Samples) -> NDArray[np.float32]:
        probabilities = np.zeros(len(frames), np.float32)
        open_gate = self._open_gate(frames)
        index = 0
        while index < len(frames):
            count = self._awake_frames(open_gate, index)
            if count:
                probabilities[index : index + count] = self._listen(frames[index : index + count])
                index += count
            else:
                self._lookback.append(frames[index].copy())
                index += 1
        return probabilities

    def _open_gate(self, frames: Samples) -> list[bool]:
        """Tell for each frame whether the level and the gate let it through."""
        scaled = frames * _INT16_SCALE
        loud = (np.abs(scaled).max(axis=1) >= LEVEL_FLOOR * _INT16_SCALE).tolist()
        np.minimum(scaled, _INT16_SCALE - 1, out=scaled)
        np.maximum(scaled, -_INT16_SCALE, out=scaled)
        pcm = scaled.astype("<i2").tobytes()
        # The gate hears quiet frames too: without them it cannot learn what the silence is like.
        return [
            self._gate.accepts(pcm[2 * index * FRAME_SAMPLES : 2 * (index + 1) * FRAME_SAMPLES])
            and is_loud
            for index, is_loud in enumerate(loud)
        ]

    def _awake_frames(self, open_gate: Sequence[bool], first: int) -> int:
        """Count the frames from ``first`` on that Silero judges whatever it will say of them.

        What it says can only prolong its watch, so these may be judged in one run.
        """
        left = self._awake_for
        count = 0
        for is_open in islice(open_gate, first, None):
            if is_open:
                left = max(left, WAKE_FRAMES)
            if not left:
                break
            left -= 1
            count += 1
        self._awake_for = left
        return count

    def _listen(self, frames: Samples) -> NDArray[np.float32]:
        warm_up = len(self._lookback)
        if warm_up:  # it slept until now
            self._silero.reset()
            frames = np.concatenate((np.stack(self._lookback), frames))
            self._lookback.clear()
        probabilities = self._silero.probabilities(frames)[warm_up:]
        voiced = np.flatnonzero(probabilities >= VOICED)
        if len(voiced):
            since = len(probabilities) - 1 - int(voiced[-1])
            self._awake_for = max(self._awake_for, HANGOVER_FRAMES - since)
        return probabilities
