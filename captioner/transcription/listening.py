"""From a recording to the rows to decode. Everything here blocks; run it in a thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from captioner.asr.engine import SHORTEST_SPEECH, DecodeRow
from captioner.asr.window import MEL_HOP, window_length
from captioner.audio.mel import LogMelStream
from captioner.audio.pcm import Samples
from captioner.errors import UnsupportedAudio
from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.plan import PlannedWindow, Planner, PlanSettings
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
        self.error: UnsupportedAudio | None = None
        """Why the recording cannot be read any further."""
        self._blocks = recording.blocks()
        self._detector = detector
        self._planner = Planner(plan)
        self._mel = LogMelStream(rows.n_mels)
        self._rows = rows

    @property
    def heard(self) -> int:
        """Samples heard so far."""
        return self._mel.end

    @property
    def needed_from(self) -> int:
        """Position before which no later window will start."""
        return self.heard if self.over else min(self._planner.needed_from, self.heard)

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
        except UnsupportedAudio as error:
            self.error = error
            return prepared + self._end()
        return prepared

    def _hear(self, samples: Samples) -> list[PreparedWindow]:
        self._mel.append(samples)
        return self._prepare(self._planner.push(self._detector.process(samples).tolist()))

    def _end(self) -> list[PreparedWindow]:
        windows = self._planner.push(self._detector.flush().tolist())
        windows += self._planner.end(self.heard)
        self.over = True
        return self._prepare(windows)

    def _prepare(self, windows: list[PlannedWindow]) -> list[PreparedWindow]:
        prepared = [
            PreparedWindow(window, self._row(window))
            for window in windows
            if (window.end - window.start) // MEL_HOP >= SHORTEST_SPEECH
        ]
        self._mel.forget(self.needed_from)
        return prepared

    def _row(self, window: PlannedWindow) -> DecodeRow:
        speech = window.end - window.start
        silence = window_length(speech, self._rows.window) - speech
        return DecodeRow(
            features=self._mel.window(window.start, window.end, silence=silence),
            speech_frames=speech // MEL_HOP,
            language=self._rows.language,
            beam_size=self._rows.beam_size,
            key_terms=self._rows.key_terms,
        )


def part_of(prepared: PreparedWindow, part: PlannedWindow, rule: WindowRule) -> PreparedWindow:
    """A part of a window as a window of its own, from the features that were computed for it."""
    row = prepared.row
    first = (part.start - prepared.plan.start) // MEL_HOP
    frames = min((part.end - part.start) // MEL_HOP, row.speech_frames - first)
    length = window_length(frames * MEL_HOP, rule) // MEL_HOP
    features = np.full((len(row.features), length), row.features.min(), np.float32)
    features[:, :frames] = row.features[:, first : first + frames]
    return PreparedWindow(part, replace(row, features=features, speech_frames=frames))
