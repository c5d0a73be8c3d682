"""Endpointing: from speech probabilities to utterances, as a pure state machine.

One probability per frame of 512 samples goes in; events with positions in samples come out.

    silence ──speech for min_speech──▶ SpeechStarted ──▶ in an utterance
       ▲                                                   │   ▲
       │                         silent for pause: PauseStarted  SpeechResumed
       │                                                   ▼   │
       └──silent for silence_to_endpoint: Endpoint──────── pause

An utterance that reaches ``max_utterance`` is cut in its best recent gap and goes on as the next.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from captioner.errors import ConfigError
from captioner.transcript import SAMPLE_RATE
from captioner.vad import FRAME_SAMPLES

HOP_SAMPLES: Final = 160  # starts and cuts fall on multiples of it: the hop of the log-mel frames
SMOOTHING_FRAMES: Final = 5  # over which the quietest moment of speech without gaps is sought

_FRAME_SECONDS: Final = FRAME_SAMPLES / SAMPLE_RATE
_LEAST: Final = {  # seconds under which a setting means nothing
    "min_speech": _FRAME_SECONDS,
    "pre_roll": 0.0,
    "tail": 0.0,
    "pause": _FRAME_SECONDS,
    "silence_to_endpoint": _FRAME_SECONDS,
    "late_silence_to_endpoint": _FRAME_SECONDS,
    "late_after": 0.0,
    "max_utterance": 1.0,
    "cut_search": _FRAME_SECONDS,
}


@dataclass(frozen=True, slots=True)
class EndpointingSettings:
    """When an utterance starts, pauses and ends. Durations are in seconds."""

    speech_threshold: float = 0.5
    """Probability from which a frame counts as speech."""
    silence_threshold: float = 0.35
    """Probability under which speech that has begun counts as silence."""
    min_speech: float = 0.096
    """Speech without a gap that opens an utterance: 3 frames."""
    pre_roll: float = 0.3
    """Audio before the first speech frame that belongs to the utterance."""
    tail: float = 0.15
    """Audio after the last speech frame that belongs to the utterance."""
    pause: float = 0.13
    """Silence after which the final decode may start on speculation."""
    silence_to_endpoint: float = 0.4
    """Silence that ends an utterance."""
    late_silence_to_endpoint: float = 0.25
    """The same, when shorter, once the utterance is longer than ``late_after``."""
    late_after: float = 4.0
    """Length from which an utterance ends at a shorter silence."""
    max_utterance: float = 10.0
    """Length at which an utterance is cut."""
    cut_search: float = 4.0
    """How far back from there the cut may lie, within the later half of the utterance."""

    def __post_init__(self) -> None:
        if not 0 < self.silence_threshold <= self.speech_threshold < 1:
            raise ConfigError(
                "thresholds must satisfy 0 < silence_threshold <= speech_threshold < 1, "
                f"got {self.silence_threshold} and {self.speech_threshold}"
            )
        for name, least in _LEAST.items():
            seconds = getattr(self, name)
            if not least <= seconds < math.inf:
                raise ConfigError(f"{name} must be at least {least} s, got {seconds} s")
        if self.max_utterance < 2 * (self.pre_roll + self.min_speech):
            raise ConfigError(
                "max_utterance must be at least twice pre_roll and min_speech together, "
                f"got {self.max_utterance}, {self.pre_roll} and {self.min_speech} s"
            )


class EndpointReason(Enum):
    """Why an utterance ended."""

    SILENCE = "silence"
    MAX_LENGTH = "max_length"
    FLUSH = "flush"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance began at ``start``, a multiple of 160 samples."""

    start: int


@dataclass(frozen=True, slots=True)
class PauseStarted:
    """The utterance fell silent at ``speech_end``; it may go on or end."""

    speech_end: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech went on at ``position`` after a pause."""

    position: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The utterance ended at ``end``; after MAX_LENGTH the next one may start right there."""

    end: int
    reason: EndpointReason


Event = SpeechStarted | PauseStarted | SpeechResumed | Endpoint


class Endpointer:
    """Finds the utterances of one stream, frame by frame.

    The first frame starts at ``position``; with ``continuing`` the audio before it was cut within
    speech, so that the first speech frame opens an utterance that starts at ``position`` itself.
    """

    def __init__(
        self, settings: EndpointingSettings, *, position: int = 0, continuing: bool = False
    ) -> None:
        self._settings = settings
        self._min_speech = _samples(settings.min_speech)
        self._pre_roll = _samples(settings.pre_roll)
        self._tail = _samples(settings.tail)
        self._pause = _samples(settings.pause)
        self._silence = _samples(settings.silence_to_endpoint)
        self._late_silence = min(self._silence, _samples(settings.late_silence_to_endpoint))
        self._late_after = _samples(settings.late_after)
        self._max_utterance = _samples(settings.max_utterance)
        search = min(_samples(settings.cut_search), self._max_utterance // 2)
        self._recent: deque[float] = deque(maxlen=max(1, search // FRAME_SAMPLES))
        self.reset(position, continuing=continuing)

    @property
    def received(self) -> int:
        """The end of the last frame."""
        return self._received

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open, pauses included."""
        return self._utterance_start is not None

    @property
    def utterance_start(self) -> int | None:
        """The start of the open utterance, if any."""
        return self._utterance_start

    @property
    def last_speech_end(self) -> int | None:
        """The end of the last speech frame of the open utterance, if any."""
        return self._speech_end if self.speaking else None

    def reset(self, position: int, *, continuing: bool = False) -> None:
        """Restart at ``position``, a multiple of 160; nothing before it is reached any more."""
        self._received = position
        self._free_from = _hop_above(position)  # where the next utterance may start
        self._utterance_start: int | None = None
        self._run_start: int | None = None  # of the speech frames without a gap up to now
        self._speech_end = position
        self._paused = False
        self._continued_from: int | None = self._free_from if continuing else None
        self._recent.clear()

    def push(self, probability: float) -> list[Event]:
        """Take the probability of the next frame; return what follows from it, in order."""
        start = self._received
        self._received += FRAME_SAMPLES
        self._recent.append(probability)
        self._follow_run(start, probability)
        if self._utterance_start is None:
            return self._open_if_speech()
        return self._resume_or_pause(start) + self._end_if_due()

    def flush(self) -> list[Event]:
        """End the open utterance now.

        A run of speech still too short for an utterance opens and ends one, since what would have
        shown whether it is a word will not come.
        """
        events: list[Event] = []
        run_start = self._run_start
        if self._utterance_start is None and run_start is not None and run_start < self._received:
            events.append(self._open(run_start))
        if self._utterance_start is not None:
            end = self._received if self._run_start is not None else self._end_of_speech()
            events.append(self._close(end, EndpointReason.FLUSH))
        self._run_start = None
        self._continued_from = None
        return events

    def end_of_stream(self) -> list[Event]:
        """End the open utterance, if any: no frame follows."""
        return self.flush()

    def cut_at(self, position: int) -> list[Event]:
        """Cut the open utterance near ``position``: at the multiple of 160 at or before it.

        For a caller that knows the gaps between the words. When speech followed the cut, the next
        utterance starts right there; otherwise it does when speech follows soon.

        Raises:
            ValueError: No utterance is open, or it does not reach around the cut.
        """
        cut = _hop_below(position)
        if self._utterance_start is None:
            raise ValueError(f"no utterance to cut at {position}: none is open")
        if not self._utterance_start < cut <= self._received:
            raise ValueError(
                f"cannot cut at {position}: the utterance covers "
                f"{self._utterance_start} to {self._received}"
            )
        speech_end = self._speech_end
        events: list[Event] = [self._close(cut, EndpointReason.MAX_LENGTH)]
        self._continued_from = cut
        if self._run_start is not None:
            self._run_start = max(self._run_start, cut)
        if speech_end > cut:
            events.append(self._open(cut))
        return events

    def _follow_run(self, start: int, probability: float) -> None:
        """Update the run of speech, with hysteresis between the two thresholds."""
        settings = self._settings
        in_run = self._run_start is not None
        if probability >= (settings.silence_threshold if in_run else settings.speech_threshold):
            self._run_start = self._run_start if self._run_start is not None else start
            self._speech_end = self._received
        else:
            self._run_start = None

    def _open_if_speech(self) -> list[Event]:
        if self._run_start is None:
            silence = self._received - max(self._speech_end, self._free_from)
            if silence >= min(self._silence, self._max_utterance // 2):
                self._continued_from = None
            return []
        if self._continued_from is None and self._received - self._run_start < self._min_speech:
            return []
        return [self._open(self._run_start)]

    def _open(self, speech_start: int) -> Event:
        """Open an utterance for speech from ``speech_start``, or from the cut it continues."""
        start = self._continued_from
        if start is None:
            start = max(_hop_below(speech_start - self._pre_roll), self._free_from)
        self._utterance_start = start
        self._continued_from = None
        return SpeechStarted(start)

    def _resume_or_pause(self, start: int) -> list[Event]:
        if self._run_start is not None:
            resumed, self._paused = self._paused, False
            return [SpeechResumed(start)] if resumed else []
        if self._paused or self._received - self._speech_end < self._pause:
            return []
        self._paused = True
        return [PauseStarted(self._speech_end)]

    def _end_if_due(self) -> list[Event]:
        if self._received - self._speech_end >= self._silence_to_endpoint():
            return [self._close(self._end_of_speech(), EndpointReason.SILENCE)]
        assert self._utterance_start is not None
        if self._received - self._utterance_start >= self._max_utterance:
            return self.cut_at(self._best_cut())
        return []

    def _silence_to_endpoint(self) -> int:
        """The silence that ends the open utterance: shorter once it is long."""
        assert self._utterance_start is not None
        is_late = self._speech_end - self._utterance_start >= self._late_after
        return self._late_silence if is_late else self._silence

    def _end_of_speech(self) -> int:
        # The last hop received keeps the next utterance, which starts on a hop, free to follow on.
        return min(_hop_above(self._speech_end + self._tail), _hop_below(self._received))

    def _close(self, end: int, reason: EndpointReason) -> Event:
        self._utterance_start = None
        self._free_from = _hop_above(end)
        self._paused = False
        return Endpoint(end, reason)

    def _best_cut(self) -> int:
        """The middle of the deepest recent gap, or of the least voiced recent frame."""
        recent = list(self._recent)
        offset = _deepest_gap(recent, self._settings.silence_threshold)
        if offset is None:
            offset = _quietest_moment(recent)
        return self._received - len(recent) * FRAME_SAMPLES + offset


def _deepest_gap(probabilities: list[float], threshold: float) -> int | None:
    """The middle of the run under ``threshold`` that is long and deep, in samples; None if none.

    Length and depth count together, as the area between the threshold and the probabilities;
    among equals the last one wins, which leaves the longest utterance.
    """
    best: tuple[float, int] | None = None
    area, start = 0.0, 0
    for index, probability in enumerate(probabilities):
        if probability >= threshold:
            area, start = 0.0, index + 1
            continue
        area += threshold - probability
        if best is None or area >= best[0]:
            best = area, (start + index + 1) * FRAME_SAMPLES // 2
    return None if best is None else best[1]


def _quietest_moment(probabilities: list[float]) -> int:
    """The middle of the frame around which the mean probability is lowest, in samples."""
    width = min(SMOOTHING_FRAMES, len(probabilities))
    sums = [sum(probabilities[i : i + width]) for i in range(len(probabilities) - width + 1)]
    quietest = min(range(len(sums)), key=lambda i: (sums[i], -i))
    return (2 * quietest + width) * FRAME_SAMPLES // 2


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _hop_below(position: int) -> int:
    return position // HOP_SAMPLES * HOP_SAMPLES


def _hop_above(position: int) -> int:
    return math.ceil(position / HOP_SAMPLES) * HOP_SAMPLES
