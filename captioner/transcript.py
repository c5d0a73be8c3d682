"""The nouns of a transcript: values without behaviour.

Positions are integer samples at 16 kHz, counted from the start of the session (or of the
recording). Seconds exist only at the edges of the program.
"""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_RATE = 16_000  # samples a second, everywhere behind the front door


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is shown, punctuation attached, without surrounding spaces."""

    text: str
    start: int
    end: int
    probability: float
    """Mean probability of its tokens, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The words of one decode of one window."""

    words: tuple[Word, ...]
    """With times in samples from the start of the window."""
    word_tokens: tuple[tuple[int, ...], ...]
    """The text tokens of each word, forced prefix included."""
    average_logprob: float
    """Mean log-probability of a token, end of text included."""
    no_speech_probability: float
    language: str

    @property
    def text(self) -> str:
        """The words joined by spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Caption:
    """What a consumer receives: one utterance at one revision.

    Until the final, a later revision of the same ``id`` replaces this one.
    """

    id: int
    """Counts up from 1 within the session."""
    revision: int
    """Counts up from 1 within the caption."""
    start: int
    end: int
    words: tuple[Word, ...]
    committed: int
    """How many leading words will not change in later interims (all of them in a final)."""
    final: bool
    language: str
    appended: str = ""
    """Append-only sessions: the text that this message adds to the transcript so far."""

    @property
    def text(self) -> str:
        """The words joined by spaces; empty when the utterance turned out not to be speech."""
        return " ".join(word.text for word in self.words)
