"""One recording's windows, read in any order, told in the order in which they were said."""

from __future__ import annotations

from dataclasses import replace

from captioner.errors import CaptionerError
from captioner.transcript import Word
from captioner.transcription.events import (
    RecordingEnded,
    RecordingFailed,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)
from captioner.transcription.reading import Reading


class TranscriptInOrder:
    """What is known of one recording so far.

    Args:
        language: of its words.
        duration: as the file declares it, in samples; None when it does not.
    """

    def __init__(self, language: str, duration: int | None) -> None:
        self.complete = False
        """Whether everything was told."""
        self._language = language
        self._duration = duration
        self._heard = 0
        self._planned_until = 0
        self._starts: dict[int, int] = {}  # window -> where it starts, until it was told
        self._readings: dict[int, Reading] = {}
        self._windows = 0
        self._next = 0  # window to tell
        self._over = False
        self._error: CaptionerError | None = None
        self._progress = 0
        self._segments = 0
        self._last_end = 0  # of the last word

    def expect(self, start: int) -> int:
        """A window that starts there will be read; return its number."""
        number = self._windows
        self._windows += 1
        self._starts[number] = start
        return number

    def hear(self, heard: int, planned_until: int) -> None:
        """So many samples were heard; no further window will start before that position."""
        self._heard, self._planned_until = heard, planned_until

    def end(self, error: CaptionerError | None) -> None:
        """No window will follow: the recording ended, or cannot be read any further."""
        self._over, self._error = True, error

    def take(self, window: int, reading: Reading) -> None:
        """A window was read."""
        self._readings[window] = reading

    def tell(self) -> list[TranscriptionEvent | RecordingFailed]:
        """What can be told now and was not told before."""
        events: list[TranscriptionEvent | RecordingFailed] = []
        while self._next in self._readings:
            reading = self._readings.pop(self._next)
            del self._starts[self._next]
            self._next += 1
            events += [self._segment(words) for words in reading.utterances if words]
        events += self._advance()
        if self._over and not self._starts and not self.complete:
            self.complete = True
            if self._error is not None:
                events.append(RecordingFailed(self._error))
            else:
                events.append(RecordingEnded(duration=self._heard, segments=self._segments))
        return events

    def _segment(self, words: tuple[Word, ...]) -> RecordingSegment:
        placed: list[Word] = []
        for word in words:  # times never go backwards, whatever the aligner said
            start = max(word.start, self._last_end)
            self._last_end = max(word.end, start)
            placed.append(replace(word, start=start, end=self._last_end))
        self._segments += 1
        return RecordingSegment(
            id=self._segments,
            start=placed[0].start,
            end=placed[-1].end,
            words=tuple(placed),
            language=self._language,
        )

    def _advance(self) -> list[RecordingProgress]:
        """How far everything is transcribed, if that is further than before."""
        transcribed = self._starts.get(self._next, self._planned_until)
        if transcribed <= self._progress:
            return []
        self._progress = transcribed
        duration = self._heard if self._over else self._duration
        if duration is not None:  # what a file declares may be an estimate
            duration = max(duration, self._heard)
        return [RecordingProgress(transcribed=transcribed, duration=duration)]
