"""A scripted meeting: who speaks when, what was said, and a recogniser that knows it."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from captioner.models.manifest import WindowRule
from captioner.streaming.actions import (
    Abandon,
    Action,
    Decode,
    Dropped,
    Emit,
    Finished,
    Purpose,
    Restart,
    Started,
    Stopped,
)
from captioner.streaming.session import Session
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE, Caption, Hypothesis, Word
from captioner.vad import FRAME_SAMPLES

VARIANT = 1_000_000  # tokens of misheard words are this far from those of the true ones
SPOKEN, SILENT = 0.9, 0.02  # probabilities of speech
NEAR = 0.25  # power of whoever is not faint
SETTINGS = StreamingSettings(window=WindowRule(padded=False, silence=4.0), n_mels=80)


def at(seconds: float) -> int:
    """Seconds as a position."""
    return round(seconds * SAMPLE_RATE)


def silence(count: int) -> npt.NDArray[np.float32]:
    """Samples: what they hold is known from the script."""
    return np.zeros(count, np.float32)


@dataclass(frozen=True)
class Script:
    """Words in order, at positions in the session; the token of a word is its index."""

    words: tuple[Word, ...]
    length: int
    faint: range = range(0)
    """Indexes of words that somebody else says, far away."""

    @cached_property
    def middles(self) -> list[int]:
        return [(word.start + word.end) // 2 for word in self.words]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


def spelling(index: int) -> str:
    """A word unlike any other."""
    letters = random.Random(index)
    return "".join(letters.choice("bcdfglmnprst") + letters.choice("aeiou") for _ in range(3))


def script(*parts: float, silent_end: float = 1.5) -> Script:
    """Say words of 0.3 s, 0.1 s apart: parts are, in turn, seconds of silence and of speech."""
    words: list[Word] = []
    position = 0
    for silent, spoken in zip(parts[::2], parts[1::2], strict=True):
        position += at(silent)
        for _ in range(round(spoken / 0.4)):
            text = spelling(len(words))
            words.append(Word(text, position, position + at(0.3), SPOKEN))
            position += at(0.4)
    return Script(tuple(words), position + at(silent_end))


def chatter(*parts: tuple[float, int, int], silent_end: float = 1.5) -> Script:
    """Say words of uneven length: parts are seconds of silence, a number of words, a seed."""
    words: list[Word] = []
    position = 0
    for silent, count, seed in parts:
        position += at(silent)
        chance = random.Random(seed)
        for _ in range(count):
            end = position + at(chance.uniform(0.15, 0.5))
            words.append(Word(spelling(len(words)), position, end, SPOKEN))
            position = end + at(chance.choice((0.0, 0.03, 0.15)))
    return Script(tuple(words), position + at(silent_end))


class ScriptedActivity:
    """The voice detector of a script: speech from the first to the last moment of each word.

    Faint words are speech until somebody has spoken who is nearer.
    """

    def __init__(self, spoken: Script) -> None:
        self._words = spoken.words
        self._faint = spoken.faint
        self._ends = [word.end for word in spoken.words]
        self.reset(0)

    def process(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self._pending += len(samples)
        count = self._pending // FRAME_SAMPLES
        self._pending -= count * FRAME_SAMPLES
        del self._powers[:-1]
        return np.array([self._next_frame() for _ in range(count)], np.float32)

    def flush(self) -> npt.NDArray[np.float32]:
        missing = FRAME_SAMPLES - self._pending if self._pending else 0
        return self.process(silence(missing))

    def reset(self, position: int, *, speaker_power: float = 0.0) -> None:
        self._position = position
        self._pending = 0
        self._powers: list[float] = [speaker_power]

    def speaker_power_at(self, position: int) -> float:
        return self._powers[-1 - (self._position - position) // FRAME_SAMPLES]

    def _next_frame(self) -> float:
        middle = self._position + FRAME_SAMPLES // 2
        self._position += FRAME_SAMPLES
        index = bisect_right(self._ends, middle)
        spoken = index < len(self._words) and self._words[index].start <= middle
        power = self._powers[-1]
        if spoken and index in self._faint:
            spoken = power < NEAR
        elif spoken:
            power = NEAR
        self._powers.append(power)
        return SPOKEN if spoken else SILENT


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Hears each word whose middle lies within the window; those near its edge badly, if noisy."""

    spoken: Script
    noise: int | None = None
    """Seed of what it mishears; None: nothing."""

    def hear(self, decode: Decode) -> Hypothesis:
        start = decode.edge - decode.row.speech_frames * 160
        heard = [self._forced(token, start, decode.edge) for token in decode.row.prefix]
        last = decode.row.prefix[-1] % VARIANT if decode.row.prefix else -1
        first = bisect_left(self.spoken.middles, start)
        after = bisect_left(self.spoken.middles, decode.edge)
        heard += [
            self._heard(index, self.spoken.words[index], start, decode.edge)
            for index in range(max(first, last + 1), after)
        ]
        return Hypothesis(
            words=tuple(word for word, _ in heard),
            word_tokens=tuple((token,) for _, token in heard),
            average_logprob=-0.2,
            no_speech_probability=0.01,
            language=decode.row.language,
        )

    def _forced(self, token: int, start: int, edge: int) -> tuple[Word, int]:
        word = self.spoken.words[token % VARIANT]
        return within(replace(word, text=spelling(token)), start, edge), token

    def _heard(self, index: int, word: Word, start: int, edge: int) -> tuple[Word, int]:
        chance = random.Random(f"{self.noise} {index} {start} {edge}")
        unsure = self.noise is not None and edge - word.end < at(1.0)
        token = index
        if unsure and chance.random() < 0.5:
            token += VARIANT * chance.randint(1, 3)
        probability = chance.random() if unsure else word.probability
        heard = replace(word, text=spelling(token), probability=probability)
        return within(heard, start, edge), token


def within(word: Word, start: int, edge: int) -> Word:
    """The word with times from the start of the window, clipped to it."""
    return replace(
        word,
        start=min(max(word.start, start), edge) - start,
        end=min(max(word.end, start), edge) - start,
    )


@dataclass
class Listener:
    """A consumer that holds the session to everything it promises."""

    append_only: bool
    previous: Restart = field(default_factory=Restart)
    captions: list[Caption] = field(default_factory=list)
    finals: list[Caption] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    shown: dict[int, str] = field(default_factory=dict)
    appended: str = ""
    _open: Caption | None = None

    def take(self, emit: Emit, received: int) -> None:
        caption = emit.caption
        self._check_times(caption, received)
        self._check_identity(caption)
        self._check_words(caption)
        self.captions.append(caption)
        self.shown[caption.id] = caption.text
        self.appended += caption.appended
        if not caption.final:
            assert emit.restart is None
            self._open = caption
            return
        assert emit.restart is not None
        assert emit.restart.next_caption == caption.id + 1
        assert emit.restart.position <= received
        self.finals.append(caption)
        self.restarts.append(emit.restart)
        self._open = None

    def finish(self) -> None:
        """No interim is left, and the transcript is there in every form."""
        assert self._open is None
        if self.append_only:
            before = " " if self.previous.has_text and self.text else ""
            assert self.appended == before + self.text
        assert list(self.shown.values()) == [final.text for final in self.finals]

    @property
    def text(self) -> str:
        return " ".join(final.text for final in self.finals if final.text)

    @property
    def words(self) -> list[Word]:
        return [word for final in self.finals for word in final.words]

    def _check_times(self, caption: Caption, received: int) -> None:
        floor = self.finals[-1].end if self.finals else 0
        assert floor <= caption.start <= caption.end <= received
        for word in caption.words:
            assert caption.start <= word.start <= word.end <= caption.end
        for word, following in pairwise(caption.words):
            assert word.end <= following.start

    def _check_identity(self, caption: Caption) -> None:
        before = self._open
        if before is not None:
            assert (caption.id, caption.revision) == (before.id, before.revision + 1)
            return
        last = self.finals[-1].id if self.finals else self.previous.next_caption - 1
        assert (caption.id, caption.revision) == (last + 1, 1)

    def _check_words(self, caption: Caption) -> None:
        assert 0 <= caption.committed <= len(caption.words)
        if caption.final:
            assert caption.committed == len(caption.words)
        before = self._open
        if before is not None and (self.append_only or not caption.final):
            fixed = [word.text for word in before.words[: before.committed]]
            assert [word.text for word in caption.words[: len(fixed)]] == fixed
            assert caption.committed >= before.committed
        if not self.append_only:
            assert caption.appended == ""


class Drive:
    """Feeds a session and answers its decodes, some audio later or never."""

    def __init__(
        self,
        spoken: Script,
        settings: StreamingSettings = SETTINGS,
        *,
        recogniser: Recogniser | None = None,
        restart: Restart | None = None,
        delay: int = 0,
        failing: Iterable[int] = (),
    ) -> None:
        self.session = Session(settings, ScriptedActivity(spoken), restart=restart)
        self.listener = Listener(settings.append_only, restart or Restart())
        self.actions: list[Action] = []
        self.decodes: list[Decode] = []
        self._spoken = spoken
        self._recogniser = recogniser or Recogniser(spoken)
        self._delay = delay
        self._failing = set(failing)
        self._waiting: deque[tuple[int, Decode]] = deque()
        self._finalized = self.session.finalized

    def run(self, *chunks: int) -> Listener:
        """Feed what is left of the script in chunks of these sizes, over and over; end."""
        turn = 0
        while self.session.received < self._spoken.length:
            self.feed(chunks[turn % len(chunks)])
            turn += 1
        return self.end()

    def feed(self, count: int) -> None:
        """Receive so many samples of the script, at most what is left of it."""
        count = min(count, self._spoken.length - self.session.received)
        self.act(self.session.receive(silence(count)))

    def end(self) -> Listener:
        self.act(self.session.end())
        while self._waiting:
            self.answer()
        self.listener.finish()
        assert self.actions.count(Finished()) == 1
        assert self.actions[-1] == Finished()
        return self.listener

    def act(self, actions: Sequence[Action]) -> None:
        """Carry out what the session asks for, then answer what is due."""
        self._take(actions)
        while self._waiting and self._waiting[0][0] + self._delay <= self.session.received:
            self.answer()

    def answer(self) -> None:
        """Answer the decode in flight."""
        _, decode = self._waiting.popleft()
        if decode.id in self._failing:
            self._take(self.session.failed(decode.id))
        else:
            self._take(self.session.decoded(decode.id, self._recogniser.hear(decode)))

    def _take(self, actions: Sequence[Action]) -> None:
        for action in actions:
            assert Finished() not in self.actions
            self.actions.append(action)
            match action:
                case Decode():
                    assert not self._waiting
                    assert 0 < action.edge <= self.session.received
                    self.decodes.append(action)
                    self._waiting.append((self.session.received, action))
                case Abandon(decode_id):
                    _, decode = self._waiting.popleft()
                    assert decode.id == decode_id
                case Emit():
                    assert action.caption.start >= self._finalized or not action.caption.words
                    self.listener.take(action, self.session.received)
                case Started() | Stopped() | Dropped() | Finished():
                    pass
        assert self.session.finalized >= self._finalized
        self._finalized = self.session.finalized

    def purposes(self) -> list[Purpose]:
        return [decode.purpose for decode in self.decodes]
