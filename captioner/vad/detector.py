"""The voice detector of one stream: a level floor, then the WebRTC gate, then Silero.

What Silero takes for speech counts only where it is not far under the level of the speaker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from itertools import islice
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from captioner.vad import FRAME_SAMPLES
from captioner.vad.foreground import Foreground
from captioner.vad.silero import MAX_FRAMES_PER_RUN, Samples, SileroDetector, SileroModel
from captioner.vad.webrtc import WebRtcGate

LEVEL_FLOOR: Final = 0.001  # peak of a frame below which nobody speaks: -60 dBFS
LOOKBACK_FRAMES: Final = 8  # silent frames that Silero hears first when it wakes: 256 ms
WAKE_FRAMES: Final = 8  # frames that Silero judges once the gate opened, this one included
HANGOVER_FRAMES: Final = 24  # frames that Silero still judges after one it thought voiced: 0.77 s
VOICED: Final = 0.3  # probability that starts the hang-over; below any threshold in use
_INT16_SCALE: Final = np.float32(32768)
_FRAME_BYTES: Final = 2 * FRAME_SAMPLES

Probabilities: TypeAlias = NDArray[np.float32]
Judging: TypeAlias = Generator[Samples, Probabilities, Probabilities]
"""Yields frames that Silero is to judge, is sent their probabilities; returns those of all."""


class VoiceActivity(Protocol):
    """Whoever turns the audio of one stream into speech probabilities, 512 samples at a time."""

    def process(self, samples: Samples) -> Probabilities:
        """Take the next samples; return the probability of each frame that they complete."""
        ...

    def flush(self) -> Probabilities:
        """Judge the incomplete last frame, if any, as though silence followed."""
        ...

    def reset(self, position: int, *, speaker_power: float = 0.0) -> None:
        """Restart as a new stream whose first sample is ``position``.

        Args:
            position: of the first sample.
            speaker_power: how loud the speaker is known to be: what ``speaker_power_at`` told.
        """
        ...

    def speaker_power_at(self, position: int) -> float:
        """How loud the speaker was found to be by the end of a frame.

        Args:
            position: the end of a frame of the last call, or the beginning of its first one.
        """
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
        self.model = model
        """Judges the frames that the gate lets through."""
        self.silero = SileroDetector(model)
        """What Silero knows of the stream."""
        self.foreground = Foreground()
        """How loud the speaker is."""
        self._gate = gate if gate is not None else WebRtcGate()
        self._lookback: deque[Samples] = deque(maxlen=LOOKBACK_FRAMES)
        self._remainder: Samples = np.empty(0, np.float32)  # samples short of a whole frame
        self._awake_for = 0  # frames that Silero is still bound to judge
        self.reset(0)

    @property
    def position(self) -> int:
        """The first sample of the next frame."""
        return self._position

    def process(self, samples: Samples) -> Probabilities:
        """Take the next samples; return the probability of each frame that they complete.

        Args:
            samples: (n,) in [-1, 1] at 16 kHz, any number of them, none included.
        """
        return listen_together([(self, samples)])[0]

    def take(self, samples: Samples) -> Samples:
        """Take the next samples; return the frames that they complete, which must be judged next.

        Returns:
            (n, 512).
        """
        pending = np.concatenate((self._remainder, samples))
        count = len(pending) // FRAME_SAMPLES
        self._remainder = pending[count * FRAME_SAMPLES :].copy()
        self._position += count * FRAME_SAMPLES
        return pending[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)

    def flush(self) -> Probabilities:
        """Judge the incomplete last frame, completed with silence: 0 or 1 probability.

        The frame counts as whole, so a stream that goes on must ``reset`` first.
        """
        if not len(self._remainder):
            return np.empty(0, np.float32)
        missing = FRAME_SAMPLES - len(self._remainder)
        return self.process(np.zeros(missing, np.float32))

    def reset(self, position: int, *, speaker_power: float = 0.0) -> None:
        """Restart as a new stream whose first sample is ``position``.

        Args:
            position: of the first sample.
            speaker_power: of the speaker, where known: mean square of samples in [-1, 1].
        """
        self._position = position
        self._power_before = speaker_power
        self._remainder = np.empty(0, np.float32)
        self.silero.reset()
        self.foreground.reset(speaker_power)
        self._gate.reset()
        self._lookback.clear()
        # A restart may fall amid speech, and the gate knows nothing yet: Silero begins awake.
        self._awake_for = HANGOVER_FRAMES

    def speaker_power_at(self, position: int) -> float:
        """How loud the speaker was found to be by the end of a frame: the power of their samples.

        Args:
            position: the end of a frame of the last call, or the beginning of its first one.
        """
        powers = [self._power_before, *self.foreground.powers]
        return powers[-1 - (self._position - position) // FRAME_SAMPLES]

    def judge(self, frames: Samples, *, loud: Sequence[bool], pcm: bytes) -> Judging:
        """Judge frames, with Silero's help for those that the gate lets through.

        Args:
            frames: (n, 512)
            loud: Whether each is above the level floor.
            pcm: The same frames as 16-bit samples.
        """
        probabilities = np.zeros(len(frames), np.float32)
        self._power_before = self.foreground.power
        open_gate = self._open_gate(loud, pcm)
        index = 0
        while index < len(frames):
            count = self._awake_frames(open_gate, index)
            if count:
                heard = yield from self._listen(frames[index : index + count])
                probabilities[index : index + count] = heard
                index += count
            else:
                self._lookback.append(frames[index].copy())
                index += 1
        return self.foreground.without_background(frames, probabilities)

    def _open_gate(self, loud: Sequence[bool], pcm: bytes) -> list[bool]:
        """Tell for each frame whether the level and the gate let it through."""
        # The gate hears quiet frames too: without them it cannot learn what the silence is like.
        return [
            self._gate.accepts(pcm[index * _FRAME_BYTES : (index + 1) * _FRAME_BYTES]) and is_loud
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

    def _listen(self, frames: Samples) -> Judging:
        warm_up = len(self._lookback)
        if warm_up:  # it slept until now
            self.silero.reset()
            frames = np.concatenate((np.stack(self._lookback), frames))
            self._lookback.clear()
        heard = np.empty(len(frames), np.float32)
        for first in range(0, len(frames), MAX_FRAMES_PER_RUN):
            part = frames[first : first + MAX_FRAMES_PER_RUN]
            heard[first : first + len(part)] = yield part
        probabilities = heard[warm_up:]
        voiced = np.flatnonzero(probabilities >= VOICED)
        if len(voiced):
            since = len(probabilities) - 1 - int(voiced[-1])
            self._awake_for = max(self._awake_for, HANGOVER_FRAMES - since)
        return probabilities


def listen_together(audio: Sequence[tuple[VoiceDetector, Samples]]) -> list[Probabilities]:
    """Have each detector process samples, all of them in as few runs of Silero as possible.

    A detector answers to the last bit what its `process` would. Each may occur once, and all must
    be of the same model.
    """
    if not audio:
        return []
    taken = [detector.take(samples) for detector, samples in audio]
    loud, pcm = _levels(np.concatenate(taken))
    judging: list[Judging] = []
    first = 0
    for (detector, _), frames in zip(audio, taken, strict=True):
        stop = first + len(frames)
        of_frames = pcm[first * _FRAME_BYTES : stop * _FRAME_BYTES]
        judging.append(detector.judge(frames, loud=loud[first:stop], pcm=of_frames))
        first = stop
    return _run_together([detector for detector, _ in audio], judging)


def _levels(frames: Samples) -> tuple[list[bool], bytes]:
    """Whether each frame is above the level floor, and all of them as 16-bit samples."""
    scaled = frames * _INT16_SCALE
    loud = (np.abs(scaled).max(axis=1) >= LEVEL_FLOOR * _INT16_SCALE).tolist()
    np.minimum(scaled, _INT16_SCALE - 1, out=scaled)
    np.maximum(scaled, -_INT16_SCALE, out=scaled)
    return loud, scaled.astype("<i2").tobytes()


def _run_together(
    detectors: Sequence[VoiceDetector], judging: Sequence[Judging]
) -> list[Probabilities]:
    """Run Silero on what is asked for, as many frames of as many streams at a time as ask."""
    results: dict[int, Probabilities] = {}
    waiting: dict[int, Samples] = {}

    def go_on(stream: int, heard: Probabilities | None) -> None:
        try:
            # a generator that has not begun is sent None
            waiting[stream] = judging[stream].send(heard)  # type: ignore[arg-type]
        except StopIteration as end:
            results[stream] = end.value

    for stream in range(len(judging)):
        go_on(stream, None)
    while waiting:
        streams = _of_one_length(waiting)
        runs = [waiting.pop(stream) for stream in streams]
        sileros = [detectors[stream].silero for stream in streams]
        windows = [silero.windows(frames) for silero, frames in zip(sileros, runs, strict=True)]
        probabilities, states = detectors[streams[0]].model.run_streams(
            np.stack(windows, axis=1), [silero.state for silero in sileros]
        )
        for row, stream in enumerate(streams):
            sileros[row].remember(runs[row], states[row])
            go_on(stream, probabilities[:, row])
    return [results[stream] for stream in range(len(judging))]


def _of_one_length(waiting: dict[int, Samples]) -> list[int]:
    """The streams that ask for as many frames as the first one, as far as a run has room."""
    length = len(next(iter(waiting.values())))
    alike = (stream for stream, frames in waiting.items() if len(frames) == length)
    return list(islice(alike, max(1, MAX_FRAMES_PER_RUN // length)))
