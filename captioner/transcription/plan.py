"""The plan of a recording: which windows are decoded, and which utterances each one holds.

Pure: speech probabilities go in, frame by frame, and windows come out as soon as they are known.

    probabilities ──▶ Endpointer ──▶ utterances ──▶ neighbours joined ──▶ windows

Whisper reads better with context, and a window costs its length whatever is in it: so utterances
share a window until it is full, and silence between them is cut down to `longest_silence`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Final

from captioner.errors import ConfigError
from captioner.transcript import SAMPLE_RATE
from captioner.vad import FRAME_SAMPLES
from captioner.vad.endpointing import (
    Endpoint,
    Endpointer,
    EndpointingSettings,
    Event,
    SpeechStarted,
)

LONGEST_WINDOW: Final = 29.0  # seconds of speech that leave room for the last frame within 30 s
RECORDING_ENDPOINTING: Final = EndpointingSettings(
    silence_to_endpoint=0.5,
    late_silence_to_endpoint=0.35,
    late_after=15.0,
    max_utterance=24.0,
    cut_search=8.0,
)


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How a recording is divided into windows. Durations are in seconds."""

    endpointing: EndpointingSettings = field(default=RECORDING_ENDPOINTING)
    longest: float = 24.0
    """Speech in a window, the silence that is left in it included."""
    longest_silence: float = 0.5
    """Silence between two utterances of a window; what is longer is cut down to this."""

    def __post_init__(self) -> None:
        if not 0 <= self.longest <= LONGEST_WINDOW:
            raise ConfigError(
                f"longest must be 0 to {LONGEST_WINDOW} s: a window holds 30 s, "
                f"got {self.longest} s"
            )
        if not self.endpointing.max_utterance <= LONGEST_WINDOW:
            raise ConfigError(
                f"max_utterance must be at most {LONGEST_WINDOW} s, "
                f"got {self.endpointing.max_utterance} s"
            )
        if self.longest_silence < 0:
            raise ConfigError(f"longest_silence must be at least 0 s, got {self.longest_silence} s")


@dataclass(frozen=True, slots=True)
class PlannedUtterance:
    """Speech between two silences, in samples of the recording."""

    start: int
    """A multiple of 160."""
    end: int
    voiced: int
    """Samples of it that the detector took for speech."""


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """What one decode is given: successive utterances, and some silence between them."""

    utterances: tuple[PlannedUtterance, ...]
    """Never empty."""
    silences: tuple[int, ...] = ()
    """Samples that are left of the silence before each utterance but the first."""

    @property
    def start(self) -> int:
        """Where it begins in the recording."""
        return self.utterances[0].start

    @property
    def places(self) -> tuple[int, ...]:
        """Where each utterance begins in the window, in samples."""
        lengths = (utterance.end - utterance.start for utterance in self.utterances[:-1])
        steps = (a + b for a, b in zip(lengths, self.silences, strict=True))
        return tuple(accumulate(steps, initial=0))

    @property
    def length(self) -> int:
        """Samples of the window up to the end of its speech."""
        last = self.utterances[-1]
        return self.places[-1] + last.end - last.start

    def halves(self) -> tuple[PlannedWindow, PlannedWindow] | None:
        """The window cut in two at its widest gap; None when it holds a single utterance."""
        if len(self.utterances) == 1:
            return None
        pairs = pairwise(self.utterances)
        gaps = [after.start - before.end for before, after in pairs]
        cut = gaps.index(max(gaps)) + 1
        return (
            PlannedWindow(self.utterances[:cut], self.silences[: cut - 1]),
            PlannedWindow(self.utterances[cut:], self.silences[cut:]),
        )


class Planner:
    """Plans one recording as it is heard."""

    def __init__(self, settings: PlanSettings) -> None:
        self._settings = settings
        self._longest = round(settings.longest * SAMPLE_RATE)
        self._longest_silence = round(settings.longest_silence * SAMPLE_RATE)
        self._speech_threshold = settings.endpointing.speech_threshold
        self._reach = round(_reach(settings.endpointing) * SAMPLE_RATE)
        self._endpointer = Endpointer(settings.endpointing)
        self._joined: list[PlannedUtterance] = []  # of the window that may still grow
        self._silences: list[int] = []
        self._start = 0  # of the open utterance
        # Where the voiced frames begin that no utterance has yet; those too old for any fall out.
        held = round(settings.endpointing.max_utterance * SAMPLE_RATE) + self._reach
        self._voiced: deque[int] = deque(maxlen=held // FRAME_SAMPLES)

    @property
    def joined(self) -> Sequence[PlannedUtterance]:
        """The utterances of the window that may still grow."""
        return tuple(self._joined)

    @property
    def needed_from(self) -> int:
        """Position before which no utterance that is still to come will start."""
        if self._endpointer.utterance_start is not None:
            return self._endpointer.utterance_start
        return max(0, self._endpointer.received - self._reach - FRAME_SAMPLES)

    def push(self, probabilities: Iterable[float]) -> list[PlannedWindow]:
        """Take the speech probabilities of the next frames; return the windows now complete."""
        windows: list[PlannedWindow] = []
        for probability in probabilities:
            if probability >= self._speech_threshold:
                self._voiced.append(self._endpointer.received)
            windows += self._take(self._endpointer.push(probability))
        return windows

    def end(self, duration: int) -> list[PlannedWindow]:
        """The recording ended after `duration` samples; return the last windows."""
        if self._joined:  # a cut may lie in what the last frame was filled up with
            last = self._joined.pop()
            self._joined.append(replace(last, end=min(last.end, duration)))
        windows = self._take(self._endpointer.end_of_stream(), duration)
        return windows + self._complete()

    def _take(self, events: Iterable[Event], duration: int | None = None) -> list[PlannedWindow]:
        windows: list[PlannedWindow] = []
        for event in events:
            match event:
                case SpeechStarted(start):
                    self._start = start
                case Endpoint(end):
                    end = end if duration is None else min(end, duration)
                    voiced = self._count_voiced(end)
                    windows += self._join(PlannedUtterance(self._start, end, voiced))
                case _:
                    pass
        return windows

    def _count_voiced(self, end: int) -> int:
        """Voiced samples of the open utterance before `end`: after a cut, others have the rest."""
        while self._voiced and self._voiced[0] < self._start:
            self._voiced.popleft()
        frames = 0
        while self._voiced and self._voiced[0] < end:
            self._voiced.popleft()
            frames += 1
        return frames * FRAME_SAMPLES

    def _join(self, utterance: PlannedUtterance) -> list[PlannedWindow]:
        """Add an utterance to the window, or complete the window and begin another."""
        if utterance.start >= utterance.end:
            return []
        if not self._joined:
            self._joined = [utterance]
            return []
        silence = min(utterance.start - self._joined[-1].end, self._longest_silence)
        window = PlannedWindow((*self._joined, utterance), (*self._silences, silence))
        if window.length > self._longest:
            complete = self._complete()
            self._joined = [utterance]
            return complete
        self._joined.append(utterance)
        self._silences.append(silence)
        return []

    def _complete(self) -> list[PlannedWindow]:
        if not self._joined:
            return []
        window = PlannedWindow(tuple(self._joined), tuple(self._silences))
        self._joined, self._silences = [], []
        return [window]


def _reach(endpointing: EndpointingSettings) -> float:
    """Seconds before what was received that an utterance may still start."""
    opened = endpointing.pre_roll + endpointing.min_speech
    continued = endpointing.silence_to_endpoint  # after a cut, from which it goes on
    return max(opened, continued)
