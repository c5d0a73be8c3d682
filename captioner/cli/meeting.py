"""What the tracks of one run say, as it arrives: to the display, to the files, into figures.

No network and no clock: whoever calls says when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from captioner.cli.display import Display, Line, Status, clock
from captioner.live import (
    Captioned,
    Ended,
    Event,
    Gap,
    Progress,
    Reconnect,
    SpeechEnded,
    SpeechStarted,
    Started,
)
from captioner.subtitles.typography import typeset
from captioner.transcript import SAMPLE_RATE, Caption

Listener = Callable[[str, Caption, float], None]
"""Is told the track, its caption, and the second of the track at which it arrived."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A final, and who said it; its positions are those of the recording."""

    track: str
    speaker: str
    caption: Caption


@dataclass(slots=True)
class Tally:
    """The figures of a run that has no truth to be compared with."""

    captions: int = 0
    words: int = 0
    delays: list[float] = field(default_factory=list)
    """For each final, seconds from the end of its last word to its arrival."""

    def add(self, caption: Caption, *, at: float) -> None:
        """Count a final that says something."""
        self.captions += 1
        self.words += len(caption.words)
        self.delays.append(at - caption.words[-1].end / SAMPLE_RATE)


class Meeting:
    """The tracks of one run together.

    Args:
        display: Where captions are shown.
        speakers: The name to show for each track.
        start_at: What the clock says at position 0, in seconds.
        duration: Seconds that will be played; 0 when nobody knows.
        listener: Told of every caption.
    """

    def __init__(
        self,
        display: Display,
        speakers: dict[str, str],
        *,
        start_at: float = 0.0,
        duration: float = 0.0,
        listener: Listener | None = None,
    ) -> None:
        self._display = display
        self._speakers = speakers
        self._start_at = start_at
        self._duration = duration
        self._listener = listener
        self._lags = dict.fromkeys(speakers, 0.0)
        self._notice = ""
        self._finals: list[Spoken] = []
        self._position = 0.0
        self.tally = Tally()
        self.problems: list[str] = []
        """What went wrong with single tracks, a line each."""

    @property
    def finals(self) -> Sequence[Spoken]:
        """Everything that was said, in order of start."""
        return sorted(self._finals, key=lambda spoken: (spoken.caption.start, spoken.caption.end))

    def receive(self, track: str, event: Event, *, at: float) -> None:
        """Take what the server says of a track, `at` seconds after the track began."""
        match event:
            case Captioned():
                self._caption(track, event.caption, at)
            case Progress():
                self._lags[track] = event.lag
            case Reconnect():
                self._notice = "the server goes away, reconnecting"
            case Started():
                self._notice = ""
            case Gap():
                start, end = (clock(self._at(place)) for place in (event.start, event.end))
                self._display.note(f"{self._speakers[track]}: no sound from {start} to {end}")
            case Ended():
                self._lags[track] = 0.0
            case SpeechStarted() | SpeechEnded():
                pass
            case _:
                assert_never(event)

    def advance(self, position: float) -> None:
        """So many seconds have been played."""
        self._position = position
        played = self._start_at + position
        status = Status(
            position=min(played, self._start_at + self._duration) if self._duration else played,
            duration=self._start_at + self._duration if self._duration else 0.0,
            captions=self.tally.captions,
            lag=max(self._lags.values(), default=0.0),
            notice=self._notice,
        )
        self._display.tell(status)

    def fail(self, track: str, problem: str) -> None:
        """One track cannot go on; the others do."""
        self.problems.append(problem)
        self._display.note(f"{self._speakers[track]}: {problem}")

    def _at(self, position: int) -> float:
        return self._start_at + position / SAMPLE_RATE

    def _moved(self, caption: Caption) -> Caption:
        """The caption where it is in the recording, which may not have been played from 0."""
        shift = round(self._start_at * SAMPLE_RATE)
        words = tuple(
            replace(word, start=word.start + shift, end=word.end + shift) for word in caption.words
        )
        return replace(caption, start=caption.start + shift, end=caption.end + shift, words=words)

    def _caption(self, track: str, caption: Caption, at: float) -> None:
        texts = [word.text for word in caption.words]
        committed = len(texts) if caption.final else caption.committed
        speaker = self._speakers[track]
        if self._listener:
            self._listener(track, caption, at)
        if caption.final and caption.words:
            self.tally.add(caption, at=at)
            self._finals.append(Spoken(track, speaker, self._moved(caption)))
        line = Line(
            speaker,
            self._at(caption.start),
            _typeset(texts[:committed], caption.language),
            _typeset(texts[committed:], caption.language),
            final=caption.final,
            caption=caption.id,
        )
        self._display.show(line)


def _typeset(words: Sequence[str], language: str) -> str:
    text = " ".join(words)
    return typeset(text) if language.startswith("fr") else text


def summary(meeting: Meeting, *, tracks: int, seconds: float) -> str:
    """The line that ends a run."""
    tally = meeting.tally
    text = (
        f"{_count(tracks, 'track')}, {clock(seconds)} played, "
        f"{_count(tally.captions, 'caption')}, {_count(tally.words, 'word')}"
    )
    if not tally.delays:
        return text
    ordered = sorted(tally.delays)
    median, late = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
    return f"{text}; finals came {median:.1f} s after their last word, 95 % within {late:.1f} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
