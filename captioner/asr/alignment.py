"""Word times out of the token-to-frame alignment of the decoder's cross-attention.

The monotonic path that the engine returns goes through (token, frame) pairs; a token starts at
the frame where the path first reaches it (Whisper's `find_alignment`, Radford et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from captioner.asr.tokenizer import WordTokens
from captioner.transcript import SAMPLE_RATE, Word

FRAME = SAMPLE_RATE // 50  # 320 samples: the encoder emits a frame every 20 ms
SHORTEST_WORD = FRAME  # words that begin on the same frame are moved apart by this


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constant error of a model's word times, measured against true ones, in samples."""

    start: int = 0
    """Added to every start."""
    end: int = 0
    """Added to every end."""


def token_starts(path: Sequence[tuple[int, int]], count: int) -> list[int]:
    """First frame of each of `count` tokens (end of text included) along a monotonic path.

    Returns:
        `count` frames, never decreasing. Tokens the path does not reach keep the last frame.
    """
    starts = [-1] * count
    for token, frame in path:
        if token < count and starts[token] < 0:
            starts[token] = frame
    last = 0
    for index, start in enumerate(starts):
        last = max(last, start)
        starts[index] = last
    return starts


def place_words(
    words: Sequence[WordTokens],
    path: Sequence[tuple[int, int]],
    probabilities: Sequence[float],
    *,
    speech: int,
    calibration: Calibration,
) -> tuple[Word, ...]:
    """Give each word its time and probability.

    Args:
        words: in order; their tokens are those that were aligned.
        path: (token index, frame) pairs; the index after the last token is end of text.
        probabilities: one a token.
        speech: samples of speech in the window: no word ends later.
        calibration: shifts measured for the model.

    Returns:
        Words that do not overlap, within 0 and `speech`; each has a time of its own as long as
        `speech` has a frame for each.
    """
    starts = token_starts(path, sum(len(word.tokens) for word in words) + 1)
    placed: list[Word] = []
    index, floor = 0, 0
    for number, word in enumerate(words):
        after = index + len(word.tokens)
        ceiling = max(0, speech - (len(words) - number) * SHORTEST_WORD)
        start = min(max(starts[index] * FRAME + calibration.start, floor), ceiling)
        end = min(max(starts[after] * FRAME + calibration.end, start + SHORTEST_WORD), speech)
        scores = probabilities[index:after]
        mean = sum(scores) / len(scores) if len(scores) else 0.0
        placed.append(Word(word.text, start, end, float(min(1.0, max(0.0, mean)))))
        index, floor = after, start + SHORTEST_WORD
    return _without_overlaps(placed)


def _without_overlaps(words: list[Word]) -> tuple[Word, ...]:
    """End each word no later than the next one starts."""
    kept: list[Word] = []
    for word, following in zip(words, [*words[1:], None], strict=False):
        end = word.end if following is None else max(min(word.end, following.start), word.start)
        kept.append(Word(word.text, word.start, end, word.probability))
    return tuple(kept)
