"""An engine that is told what is said: for latency and cost, which need no model.

Words whose middle lies in the window are heard; one that the window's edge cuts is misheard more
often than not, and some words are unsure, always the same ones. A token stands for about three
letters, as it does in French, so that decodes take as many steps as real ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from recordings import Take
from sweep_engine import Asked, Decoded

from captioner.asr.engine import DecodeRow
from captioner.asr.window import MEL_HOP
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word

LETTERS = 3  # of a token
TOKENS = 16  # that a word has at most
CUT = 0.3  # seconds before the edge in which words are misheard
MISHEARD = 0.5  # share of those
UNSURE = 0.1  # share of words of low probability
VARIANT = 1_000_000  # tokens of misheard words are this far from those of the true ones


class ToldEngine:
    """Answers from what is said, with the usual mistakes."""

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """As Whisper groups: by window, search and whether a prefix is forced."""
        return (row.features.shape[1], row.beam_size, bool(row.prefix))

    def decode(self, asked: Sequence[Asked]) -> list[Decoded]:
        """The answers to rows of one batch."""
        return [_decoded(each) for each in asked]


def _decoded(asked: Asked) -> Decoded:
    row, words = asked.row, asked.take.words
    length = row.speech_frames * MEL_HOP
    known = list(dict.fromkeys(token // TOKENS for token in row.prefix))
    last = max((index % VARIANT for index in known), default=-1)
    heard = [_placed(asked.take, index, asked.start, length) for index in known]
    for index in range(last + 1, len(words)):
        middle = round((words[index].start + words[index].end) / 2 * SAMPLE_RATE) - asked.start
        if 0 <= middle < length:
            heard.append(_heard(asked.take, index, asked.start, length))
    tokens = tuple(each for _, each in heard)
    said = Hypothesis(tuple(word for word, _ in heard), tokens, -0.2, 0.01, row.language)
    return Decoded(said, sum(map(len, tokens)) + 1, doubted=False)


def _heard(take: Take, index: int, start: int, length: int) -> tuple[Word, tuple[int, ...]]:
    left = length - (round(take.words[index].end * SAMPLE_RATE) - start)
    cut = left < CUT * SAMPLE_RATE and _chance(take, index, start + length) < MISHEARD
    return _placed(take, index + VARIANT * cut, start, length)


def _placed(take: Take, index: int, start: int, length: int) -> tuple[Word, tuple[int, ...]]:
    true = take.words[index % VARIANT]
    text = true.text + "x" * (index // VARIANT)
    begin = min(max(round(true.start * SAMPLE_RATE) - start, 0), length)
    end = min(max(round(true.end * SAMPLE_RATE) - start, begin), length)
    unsure = _chance(take, index, 0) < UNSURE
    word = Word(text, begin, end, 0.4 if unsure or index >= VARIANT else 0.9)
    count = min(TOKENS, -(-len(text) // LETTERS))
    return word, tuple(index * TOKENS + k for k in range(count))


def _chance(take: Take, index: int, edge: int) -> float:
    """A number from 0 to 1 that is the same whenever it is drawn."""
    return zlib.crc32(f"{take.name} {index} {edge}".encode()) / 2**32
