"""People who talk without a break, as the engine sees them: the real sessions of the service.

Each speaker has a script: the words of the monologues at their true times, round and round, each
speaker from another place on. A real `Session` hears it and asks for decodes, with the windows,
hops, prefixes and finals that the policy asks for at the load there is. Every row goes to the real
engine, bounded to the tokens that are really said in its window, since random weights never stop
by themselves. What the engine answers is then exchanged for the words of the script: the session
goes on as if it had been understood.

Two things are left out, for they are not the engine's: voice detection (the script tells who
speaks when) and transport. ``overhead.py`` measures those.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from captioner.asr.engine import DecodeRow
from captioner.asr.tokenizer import WhisperTokenizer
from captioner.asr.window import MEL_HOP
from captioner.streaming.actions import Decode
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.vad import FRAME_SAMPLES

SPOKEN, SILENT = 0.9, 0.02  # probabilities of speech
SHORT_GAP = round(0.15 * SAMPLE_RATE)  # between words, which a voice detector does not notice
PROBABILITY = 0.9  # of every word
PAUSE = 0.4  # seconds from the end of a monologue to its beginning
END_OF_TEXT = 1  # step of the decoder, after the words

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Said:
    """A word, when it is said, and the tokens that spell it."""

    word: Word
    tokens: tuple[int, ...]

    @property
    def middle(self) -> int:
        """Position of its middle."""
        return (self.word.start + self.word.end) // 2


@dataclass(frozen=True)
class Script:
    """What one speaker says, at positions in the session."""

    words: tuple[Said, ...]

    @cached_property
    def middles(self) -> list[int]:
        """Of the words."""
        return [said.middle for said in self.words]

    @cached_property
    def ends(self) -> list[int]:
        """Of the words."""
        return [said.word.end for said in self.words]

    @cached_property
    def voiced(self) -> tuple[list[int], list[int]]:
        """Starts and ends of what a voice detector takes for unbroken speech."""
        starts: list[int] = []
        ends: list[int] = []
        for said in self.words:
            if ends and said.word.start - ends[-1] < SHORT_GAP:
                ends[-1] = max(ends[-1], said.word.end)
            else:
                starts.append(said.word.start)
                ends.append(said.word.end)
        return starts, ends

    def speaks_at(self, position: int) -> bool:
        """Whether a voice detector hears speech there."""
        starts, ends = self.voiced
        index = bisect_right(starts, position) - 1
        return index >= 0 and position < ends[index]

    def within(self, start: int, edge: int) -> slice:
        """The words whose middle lies in [start, edge)."""
        return slice(bisect_left(self.middles, start), bisect_left(self.middles, edge))

    def at(self, word: Word) -> int:
        """Which word of the script a word of a caption is."""
        return bisect_right(self.ends, (word.start + word.end) // 2)


@dataclass(frozen=True, slots=True)
class Monologue:
    """Words of one recording with their times in seconds."""

    words: tuple[tuple[str, float, float], ...]
    duration: float

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(word for word, _, _ in self.words)


def read_monologues(folder: Path) -> list[Monologue]:
    """The monologues of a data set's ``truth.json``; their audio is not read."""
    content = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return [
        Monologue(
            tuple((word["word"], word["start"], word["end"]) for word in entry["words"]),
            entry["duration"],
        )
        for entry in content
    ]


class Scripts:
    """The scripts of any number of speakers: they differ in voice, or else in where they begin."""

    def __init__(self, monologues: Sequence[Monologue], tokenizer: WhisperTokenizer) -> None:
        self._monologues = monologues
        self._tokens = {
            word: tuple(tokenizer.encode(f" {word}"))
            for monologue in monologues
            for word, _, _ in monologue.words
        }

    @property
    def tokens_per_second(self) -> float:
        """Of speech, pauses included."""
        said = sum(len(self._tokens[w]) for it in self._monologues for w, _, _ in it.words)
        return said / sum(it.duration for it in self._monologues)

    def script(self, number: int, seconds: float) -> Script:
        """What speaker `number` says in so many seconds."""
        monologue = self._monologues[number % len(self._monologues)]
        length = monologue.duration + PAUSE
        # The golden ratio spreads any number of beginnings evenly.
        skipped = (number * 0.618033988749895 % 1.0) * length
        words: list[Said] = []
        round_start = -skipped
        while round_start < seconds:
            for text, start, end in monologue.words:
                if round_start + start >= 0 and round_start + end <= seconds:
                    words.append(self._said(text, round_start + start, round_start + end))
            round_start += length
        return Script(tuple(words))

    def _said(self, text: str, start: float, end: float) -> Said:
        word = Word(text, round(start * SAMPLE_RATE), round(end * SAMPLE_RATE), PROBABILITY)
        return Said(word, self._tokens[text])


class ScriptedActivity:
    """The voice detector that knows the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._position = self._pending = 0

    def process(self, samples: Samples) -> Samples:
        """Tell for each frame that is complete whether the speaker speaks in its middle."""
        self._pending += len(samples)
        count, self._pending = divmod(self._pending, FRAME_SAMPLES)
        middles = (self._position + FRAME_SAMPLES * n + FRAME_SAMPLES // 2 for n in range(count))
        found = [SPOKEN if self._script.speaks_at(middle) else SILENT for middle in middles]
        self._position += FRAME_SAMPLES * count
        return np.array(found, np.float32)

    def flush(self) -> Samples:
        """Judge the incomplete last frame."""
        missing = FRAME_SAMPLES - self._pending if self._pending else 0
        return self.process(np.zeros(missing, np.float32))

    def reset(self, position: int, *, speaker_power: float = 0.0) -> None:  # noqa: ARG002 - all are
        """Start anew."""
        self._position = position
        self._pending = 0

    def speaker_power_at(self, position: int) -> float:  # noqa: ARG002 - equally loud
        """Nobody is far from the microphone."""
        return 0.0


def bounded(decode: Decode, script: Script) -> DecodeRow:
    """The row with as many steps as its words take, then one for the end of text.

    Nor may the engine decode it again: random words look wrong, which real ones rarely do.
    """
    said = script.words[script.within(_start(decode), decode.edge)]
    tokens = sum(len(word.tokens) for word in said) - len(decode.row.prefix)
    return replace(decode.row, max_new_tokens=max(tokens, 0) + END_OF_TEXT, retry=False)


def heard(decode: Decode, script: Script) -> Hypothesis:
    """What a recogniser without fault answers."""
    start, edge = _start(decode), decode.edge
    said = script.words[script.within(start, edge)]
    return Hypothesis(
        words=tuple(_clipped(each.word, start, edge) for each in said),
        word_tokens=tuple(each.tokens for each in said),
        average_logprob=-0.2,
        no_speech_probability=0.01,
        language=decode.row.language,
    )


def _start(decode: Decode) -> int:
    return decode.edge - decode.row.speech_frames * MEL_HOP


def _clipped(word: Word, start: int, edge: int) -> Word:
    """The word with times from the start of the window, within it."""
    return replace(
        word,
        start=min(max(word.start, start), edge) - start,
        end=min(max(word.end, start), edge) - start,
    )
