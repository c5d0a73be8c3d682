"""From a recording to the rows to decode. Everything here blocks; run it in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from captioner.asr.engine import SHORTEST_SPEECH, DecodeRow
from captioner.asr.window import MEL_HOP, window_length
from captioner.audio.buffer import SampleBuffer
from captioner.audio.mel import log_mel
from captioner.audio.pcm import Samples
from captioner.errors import CaptionerError
from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.plan import PlannedUtterance, PlannedWindow, Planner, PlanSettings
from captioner.transcription.recording import Recording
from captioner.vad.detector import VoiceActivity

STEP: Final = 5 * SAMPLE_RATE  # samples heard in one call: some 50 ms of work


@dataclass(frozen=True, slots=True)
class RowSettings:
    """What all rows of a recording have in common."""

    n_mels: int
    window: WindowRule
    language: str
    key_terms: tuple[str, ...] = ()
    beam_size: int = 5


@dataclass(frozen=True, slots=True)
class PreparedWindow:
    """A window, ready to be decoded."""

    plan: PlannedWindow
    row: DecodeRow

    @property
    def frames(self) -> int:
        """How long the row is, silence included, in frames of 10 ms."""
        frames: int = self.row.features.shape[1]
        return frames

    def padded_to(self, frames: int) -> PreparedWindow:
        """The same window with more silence after it, so many frames in all."""
        missing = ((0, 0), (0, frames - self.frames))
        features = np.pad(np.asarray(self.row.features), missing, mode="edge")
        return PreparedWindow(self.plan, replace(self.row, features=features))

    def part(self, half: PlannedWindow, rule: WindowRule) -> PreparedWindow:
        """A half of it as a window of its own, from the features that were computed for all."""
        first = self.plan.places[self.plan.utterances.index(half.utterances[0])] // MEL_HOP
        frames = min(half.length // MEL_HOP, self.row.speech_frames - first)
        length = window_length(frames * MEL_HOP, rule) // MEL_HOP
        whole = np.asarray(self.row.features)
        features = np.full((len(whole), length), whole.min(), np.float32)
        features[:, :frames] = whole[:, first : first + frames]
        return PreparedWindow(half, replace(self.row, features=features, speech_frames=frames))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Audio of an utterance, and some of the silence around it."""

    start: int
    samples: Samples

    def view(self, start: int, end: int) -> Samples:
        return self.samples[start - self.start : end - self.start]


class Listener:
    """Hears one recording from start to end, a few seconds a call.

    Memory is bounded by the longest window, whatever the length of the recording. Calls may come
    from different threads, one at a time.
    """

    def __init__(
        self,
        recording: Recording,
        detector: VoiceActivity,
        *,
        plan: PlanSettings,
        rows: RowSettings,
    ) -> None:
        self.over = False
        """Whether the end was reached, or what cannot be read."""
        self.error: CaptionerError | None = None
        """Why the recording cannot be read any further."""
        self._blocks = recording.blocks()
        self._detector = detector
        self._planner = Planner(plan)
        self._audio = SampleBuffer()
        self._margin = -(-round(plan.longest_silence * SAMPLE_RATE) // 2)
        self._pieces: dict[int, _Piece] = {}  # utterance start -> what windows to come need of it
        self._rows = rows

    @property
    def heard(self) -> int:
        """Samples heard so far."""
        return self._audio.end

    @property
    def planned_until(self) -> int:
        """Position before which no window that is still to come will start."""
        if self.over:
            return self.heard
        joined = self._planner.joined
        return joined[0].start if joined else min(self._planner.needed_from, self.heard)

    def listen(self) -> list[PreparedWindow]:
        """Hear the next `STEP` samples or somewhat more; return the windows that are complete."""
        goal = self.heard + STEP
        prepared: list[PreparedWindow] = []
        try:
            while self.heard < goal:
                samples = next(self._blocks, None)
                if samples is None:
                    return prepared + self._end()
                prepared += self._hear(samples)
        except CaptionerError as error:
            self.error = error
            return prepared + self._end()
        return prepared

    def _hear(self, samples: Samples) -> list[PreparedWindow]:
        self._audio.append(samples)
        windows = self._planner.push(self._detector.process(samples).tolist())
        prepared = self._prepare(windows)
        joined = self._planner.joined
        self._cut_out(each for each in joined if each.end + self._margin <= self.heard)
        waiting = (each.start for each in joined if each.start not in self._pieces)
        needed = min(self._planner.needed_from, self.heard, *waiting) - self._margin
        self._audio.forget(max(needed, self._audio.start))
        return prepared

    def _end(self) -> list[PreparedWindow]:
        windows = self._planner.push(self._detector.flush().tolist())
        windows += self._planner.end(self.heard)
        self.over = True
        return self._prepare(windows)

    def _prepare(self, windows: Sequence[PlannedWindow]) -> list[PreparedWindow]:
        prepared = []
        for window in windows:
            self._cut_out(window.utterances)
            row = self._row(window)
            if row.speech_frames >= SHORTEST_SPEECH:
                prepared.append(PreparedWindow(window, row))
            for utterance in window.utterances:
                del self._pieces[utterance.start]
        return prepared

    def _cut_out(self, utterances: Iterable[PlannedUtterance]) -> None:
        """Keep the audio of utterances, so that the recording around it can be forgotten."""
        for utterance in utterances:
            if utterance.start not in self._pieces:
                start = max(utterance.start - self._margin, self._audio.start)
                end = min(utterance.end + self._margin, self._audio.end)
                self._pieces[utterance.start] = _Piece(start, self._audio.view(start, end).copy())

    def _row(self, window: PlannedWindow) -> DecodeRow:
        audio = self._put_together(window)
        length = window_length(len(audio), self._rows.window)
        return DecodeRow(
            features=log_mel(audio, silence=length - len(audio), n_mels=self._rows.n_mels),
            speech_frames=len(audio) // MEL_HOP,
            language=self._rows.language,
            beam_size=self._rows.beam_size,
            key_terms=self._rows.key_terms,
            retry=False,
        )

    def _put_together(self, window: PlannedWindow) -> Samples:
        """The audio of a window: of each silence, its beginning and its end."""
        parts = []
        befores = (0, *(silence - silence // 2 for silence in window.silences))
        afters = (*(silence // 2 for silence in window.silences), 0)
        for utterance, before, after in zip(window.utterances, befores, afters, strict=True):
            piece = self._pieces[utterance.start]
            parts.append(piece.view(utterance.start - before, utterance.end + after))
        return np.concatenate(parts)
