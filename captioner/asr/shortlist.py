"""A language's part of the vocabulary: what a decoder that speaks one language need not consider.

Every step of a decode multiplies the state of each row with the embeddings of all 51,865 tokens,
most of which no French sentence has: characters of other scripts, pieces of other languages. On a
CPU that is half of what a step reads from memory. A shortlist keeps the tokens that spell what is
frequent in its language, those without letters, every byte, and all that is not text; whatever
is not on it can still be written, in smaller pieces. (The idea is vocabulary selection as in
machine translation, Mi et al. 2016, with one list for a whole language.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from captioner.errors import ModelError

Ids = npt.NDArray[np.int64]

BYTES = 256  # the first tokens are single bytes, so that anything can be spelled
START, LAST_TASK = "<|startoftranscript|>", "<|notimestamps|>"
LISTED = 50257  # tokens of text that the shipped lists speak of, the empty one included


def listed_languages() -> tuple[str, ...]:
    """The languages that a list is shipped for."""
    folder = files("captioner.asr") / "shortlists"
    return tuple(sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name[-4:] == ".npy"))


def listed(language: str) -> Ids:
    """The text tokens of a language, ascending.

    The published multilingual models share the tokens of their text, so one list serves all.

    Raises:
        ModelError: no list is shipped for the language.
    """
    if language not in listed_languages():
        raise ModelError(f"no shortlist is shipped for {language!r}")
    with (files("captioner.asr") / "shortlists" / f"{language}.npy").open("rb") as file:
        bits = np.load(file)
    return np.flatnonzero(np.unpackbits(bits, count=LISTED))


class Shortlist:
    """Tokens under their own numbers, and under those that they have in a shorter vocabulary.

    CTranslate2 reads a prompt in a single pass up to the first token whose number is not between
    those of ``<|startoftranscript|>`` and ``<|notimestamps|>``; each further one costs a step of
    the decoder. In the shorter vocabulary text lies between them: so what a hypothesis must begin
    with can be part of the pass. Where it should be taken step by step, text has a second number,
    behind all others.
    """

    def __init__(self, vocabulary: Sequence[str], text: Iterable[int], *, end_of_text: int) -> None:
        """Choose from a vocabulary.

        Args:
            vocabulary: all tokens, each byte of a text written as one printable character.
            text: tokens to keep of those before `end_of_text`; bytes are kept in any case.
            end_of_text: the first token that is not text. Those behind it, to the last one that
                can be in a prompt, are kept; times are not.

        Raises:
            ModelError: the vocabulary is not that of a Whisper.
        """
        self.vocabulary = vocabulary
        """The whole one."""
        chosen = {int(token) for token in text if token < end_of_text} | set(range(BYTES))
        start = end_of_text + 1
        if START not in vocabulary[start : start + 1] or LAST_TASK not in vocabulary[start:]:
            raise ModelError(f"the vocabulary has no {START} behind its text, or no {LAST_TASK}")
        tasks = range(start, vocabulary.index(LAST_TASK, start) + 1)
        self.text: tuple[int, ...] = tuple(sorted(chosen))
        """What of the text is kept, by its numbers in the whole vocabulary."""
        self.kept: tuple[int, ...] = (tasks[0], *self.text, *tasks[1:], end_of_text)
        """The tokens of the shorter vocabulary, by their numbers in the whole one. Text begins at
        the second; it has its second numbers behind these."""
        self._short = {token: short for short, token in enumerate(self.kept)}
        self._rows = (*self.kept, *self.text)
        self._spellings: dict[int, tuple[int, ...]] = {}

    def shorten(self, tokens: Sequence[int]) -> list[int]:
        """Tokens of the shorter vocabulary that spell the same text."""
        try:
            return [self._short[token] for token in tokens]
        except KeyError:
            return [short for token in tokens for short in self._spelled(token)]

    def stepped(self, text: Iterable[int]) -> list[int]:
        """The second numbers of text of the shorter vocabulary."""
        return [short - 1 + len(self.kept) for short in text]

    def restore(self, tokens: Iterable[int]) -> list[int]:
        """Tokens of the whole vocabulary, from their first or second numbers."""
        return [self._rows[token] for token in tokens]

    def restrict(self, tokens: Iterable[int]) -> list[int]:
        """Those of some tokens that are kept, by their new numbers."""
        return [self._short[token] for token in tokens if token in self._short]

    def _spelled(self, token: int) -> tuple[int, ...]:
        if token in self._short:
            return (self._short[token],)
        if token not in self._spellings:
            self._spellings[token] = tuple(self._pieces(self.vocabulary[token]))
        return self._spellings[token]

    def _pieces(self, text: str) -> Iterable[int]:
        """The longest kept tokens that a text consists of, from its beginning on."""
        while text:
            length = next(n for n in range(len(text), 0, -1) if text[:n] in self._by_text)
            yield self._by_text[text[:length]]
            text = text[length:]

    @cached_property
    def _by_text(self) -> dict[str, int]:
        return {self.vocabulary[token]: self._short[token] for token in self.text}
