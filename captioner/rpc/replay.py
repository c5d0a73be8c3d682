"""What lets a client lose its connection and nothing else. Pure: no I/O, no clock.

Positions of audio are samples at the rate of the stream, counted from the first one that the
application sent; positions of events are 16 kHz samples from there. Both go on across calls, and
across sessions when one could not be resumed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from captioner import live
from captioner.audio.format import AudioFormat
from captioner.transcript import Caption

FIRST_BACKOFF = 0.25  # seconds
LAST_BACKOFF = 5.0  # seconds
MAX_PIECE = 0.1  # seconds: the best size of a message

# Samples at 48 kHz of a frame, by the configuration in the first five bits of an Opus packet.
_OPUS_FRAMES = (
    *(480, 960, 1920, 2880) * 3,  # SILK: 10, 20, 40, 60 ms
    *(480, 960) * 2,  # hybrid: 10, 20 ms
    *(120, 240, 480, 960) * 4,  # CELT: 2.5, 5, 10, 20 ms
)
_ANY_NUMBER = 3  # the code of packets whose second byte counts their frames


@dataclass(frozen=True, slots=True)
class Audio:
    """Some audio and where it belongs."""

    start: int
    end: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Muted:
    """No audio: capture has got to `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Flush:
    """Finalize what was said so far."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Update:
    """Other settings from here on."""

    start: int
    end: int
    language: str | None
    key_terms: tuple[str, ...] | None


Item = Audio | Muted | Flush | Update


class ReplayBuffer:
    """The latest audio of a stream, sent or not, in order; the oldest makes room for the newest.

    `next` walks through it; `rewind` makes it walk again from an earlier position.
    """

    def __init__(self, audio_format: AudioFormat, *, seconds: float) -> None:
        self._format = audio_format
        self._items: deque[Item] = deque()
        self._cursor = 0  # index of the next item to send
        self._lost: tuple[int, int] | None = None
        self.seconds = seconds
        """How much audio is kept."""
        self.position = 0
        """Where the next audio belongs."""

    @property
    def start(self) -> int:
        """Where the oldest audio begins."""
        return self._items[0].start if self._items else self.position

    def append(self, data: bytes, *, offset: int | None = None) -> float:
        """Add audio, whole samples or one Opus packet, at `offset` or where the last one ended.

        Returns:
            How many seconds it lasts.

        Raises:
            ValueError: the bytes end inside a sample, or the offset is in the past.
        """
        start = self.position if offset is None else offset
        if start < self.position:
            raise ValueError(f"offset {start} is before what was sent, {self.position}")
        for piece in self._pieces(data, start):
            self._append(piece)
        return (self.position - start) / self._format.sample_rate

    def mute(self, offset: int | None = None) -> None:
        """Say that no audio is to be expected before `offset`."""
        self._append(Muted(self.position, max(self.position, offset or 0)))

    def flush(self) -> None:
        """Ask for finals here."""
        self._append(Flush(self.position, self.position))

    def update(self, language: str | None, key_terms: tuple[str, ...] | None) -> None:
        """Change settings here."""
        self._append(Update(self.position, self.position, language, key_terms))

    def next(self) -> Item | None:
        """The next item to send; None when there is nothing new."""
        if self._cursor == len(self._items):
            return None
        item = self._items[self._cursor]
        self._cursor += 1
        return item

    def rewind(self, position: int) -> None:
        """Send again from `position` on, or from the oldest audio when that is later."""
        if position < self.start:
            self._lost = (position, self.start)
        elif self._lost and position >= self._lost[1]:
            self._lost = None
        while self._items and self._items[0].end <= position and self._items[0].start < position:
            self._items.popleft()
        self._cursor = 0
        if self._items and self._items[0].start < position:
            self._items[0] = self._tail(self._items[0], position)

    def take_lost(self) -> tuple[int, int] | None:
        """The audio that made room before it was sent, once; None when there is none."""
        lost, self._lost = self._lost, None
        return lost

    def _append(self, item: Item) -> None:
        self._items.append(item)
        self.position = item.end
        capacity = self.seconds * self._format.sample_rate
        while self.position - self._items[0].start > capacity and len(self._items) > 1:
            self._drop(self._items.popleft())

    def _drop(self, item: Item) -> None:
        if self._cursor:
            self._cursor -= 1
            return
        if isinstance(item, Audio):
            self._lost = (self._lost[0] if self._lost else item.start, item.end)

    def _pieces(self, data: bytes, start: int) -> Iterator[Audio]:
        frame = self._format.frame_bytes
        if not frame:
            yield Audio(start, start + opus_samples(data), data)
            return
        if len(data) % frame:
            raise ValueError(f"{len(data)} bytes are not whole samples of {frame} bytes")
        step = max(1, int(MAX_PIECE * self._format.sample_rate)) * frame
        for index in range(0, len(data), step):
            piece = data[index : index + step]
            end = start + len(piece) // frame
            yield Audio(start, end, piece)
            start = end

    def _tail(self, item: Item, position: int) -> Item:
        frame = self._format.frame_bytes
        if isinstance(item, Audio) and frame:
            return Audio(position, item.end, item.data[(position - item.start) * frame :])
        # A packet cannot be cut: the server hears nothing for the rest of its 20 ms.
        return Muted(position, item.end)


def opus_samples(packet: bytes) -> int:
    """How long an Opus packet lasts, in samples at 48 kHz (RFC 6716, section 3.1).

    Raises:
        ValueError: the packet is empty or cut short.
    """
    if not packet:
        raise ValueError("an Opus packet has at least 1 byte")
    if packet[0] & 3 < _ANY_NUMBER:
        frames = 2 if packet[0] & 3 else 1
    elif len(packet) > 1:
        frames = packet[1] & 63
    else:
        raise ValueError("an Opus packet of many frames has at least 2 bytes")
    return _OPUS_FRAMES[packet[0] >> 3] * frames


class Pace:
    """How fast audio may go: in real time after a burst, whatever the pauses before."""

    def __init__(self, burst: float, now: float) -> None:
        self._burst = burst
        self._ahead = 0.0
        self._now = now

    def delay(self, seconds: float, now: float) -> float:
        """Count `seconds` of audio as sent; how long to wait before that is right."""
        self._ahead = max(0.0, self._ahead - (now - self._now)) + seconds
        self._now = now
        return max(0.0, self._ahead - self._burst)


def backoff(attempt: int, jitter: float) -> float:
    """Seconds to wait before a new attempt, the first being 0; `jitter` is from 0 to 1."""
    longest: float = min(LAST_BACKOFF, FIRST_BACKOFF * 2 ** min(attempt, 10))
    return longest * (0.5 + 0.5 * jitter)


class Continuity:
    """Makes the events of several calls those of one stream.

    Caption identifiers go on counting, revisions go on growing, nothing final comes twice, and
    in append-only sessions no word is appended twice.
    """

    def __init__(self) -> None:
        self.token = ""
        """What resumes the session; empty when a new one must be opened."""
        self.finalized = 0
        """No more finals will start before this position."""
        self._base = 0  # position of the session's sample 0
        self._base_id = 0  # how many captions came before the session's first
        self._last_final = 0
        self._words = 0
        self._pending: Caption | None = None  # the latest interim, as the application knows it
        self._earlier = 0  # revisions of the pending caption in calls before this one
        self._known_words = 0  # words already appended to the pending caption in earlier calls
        self._new_words = 0  # words appended to it in this call
        self._boundaries: dict[type[live.Event], int] = {}  # the latest of each kind
        self._lost: list[live.Gap] = []

    def started(self, event: live.Started) -> None:
        """A call was answered."""
        self.token = event.resume_token
        self._earlier = self._pending.revision if self._pending else 0
        self._known_words = max(self._known_words, self._new_words)
        self._new_words = 0

    def restart(self, base: int) -> None:
        """The session is gone: the next one begins at position `base`."""
        self.token = ""
        self._base = base
        self._base_id = self._last_final

    def lost(self, start: int, end: int) -> live.Gap | None:
        """The event of audio that this client could not keep; None when nothing was lost by that.

        Silence is not kept: it was heard when no more finals can start in it.
        """
        gap = live.Gap(start, end)
        if self._told(gap):
            return None
        self._lost.append(gap)
        unheard = max(start, self.finalized)
        return live.Gap(unheard, end) if unheard < end else None

    def accept(self, event: live.Event) -> live.Event | None:
        """An event as the application is to see it; None when it is no news."""
        match event:
            case live.Captioned():
                return self._captioned(event)
            case live.SpeechStarted() | live.SpeechEnded():
                return self._boundary(event)
            case live.Progress():
                return self._progress(event)
            case live.Gap():
                return self._gap(event)
            case live.Ended():
                audio = self._shifted(event.audio)
                return replace(event, audio=audio, captions=self._last_final, words=self._words)
            case live.Started() | live.Reconnect():
                return None

    def _shifted(self, position: int) -> int:
        return position + self._base

    def _captioned(self, event: live.Captioned) -> live.Captioned | None:
        caption = self._translated(event.caption)
        if caption.id <= self._last_final:
            return None
        if self._pending is None or caption.id != self._pending.id:
            self._earlier = self._known_words = self._new_words = 0
        caption = replace(
            caption,
            revision=caption.revision + self._earlier,
            appended=self._news(caption.appended),
        )
        self._pending = None if caption.final else caption
        if caption.final:
            self._last_final = caption.id
            self._words += len(caption.words)
            self.finalized = max(self.finalized, caption.end)
            self.token = event.resume_token or self.token
            self._known_words = self._new_words = 0
        return live.Captioned(caption, event.resume_token)

    def _translated(self, caption: Caption) -> Caption:
        words = tuple(
            replace(word, start=self._shifted(word.start), end=self._shifted(word.end))
            for word in caption.words
        )
        return replace(
            caption,
            id=caption.id + self._base_id,
            start=self._shifted(caption.start),
            end=self._shifted(caption.end),
            words=words,
        )

    def _news(self, appended: str) -> str:
        """What of the appended words the application has not got from an earlier call."""
        words = appended.split()
        known = min(len(words), max(0, self._known_words - self._new_words))
        self._new_words += len(words)
        if not known:
            return appended
        rest = " ".join(words[known:])
        return f" {rest}" if rest and appended[:1].isspace() else rest

    def _boundary(
        self, event: live.SpeechStarted | live.SpeechEnded
    ) -> live.SpeechStarted | live.SpeechEnded | None:
        position = self._shifted(event.position)
        if position <= self._boundaries.get(type(event), -1):
            return None
        self._boundaries[type(event)] = position
        return replace(event, position=position)

    def _progress(self, event: live.Progress) -> live.Progress:
        self.finalized = max(self.finalized, self._shifted(event.finalized))
        self.token = event.resume_token or self.token
        return replace(
            event,
            received=self._shifted(event.received),
            finalized=self._shifted(event.finalized),
        )

    def _gap(self, event: live.Gap) -> live.Gap | None:
        gap = live.Gap(self._shifted(event.start), self._shifted(event.end))
        return None if self._told(gap) else gap

    def _told(self, gap: live.Gap) -> bool:
        return any(it.start - 1 <= gap.start and gap.end <= it.end + 1 for it in self._lost)
