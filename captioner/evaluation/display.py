"""What a reader of live captions saw, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from captioner.evaluation.normalisation import normalise


@dataclass(frozen=True, slots=True)
class Display:
    """Everything that is shown from one moment on, until the next display."""

    time: float
    """Seconds after the track began."""
    words: tuple[str, ...]
    """The whole text so far, normalised."""
    stable: int
    """So many leading words will not change any more (committed or final)."""
    final: int
    """So many leading words are final."""

    @classmethod
    def of_text(
        cls, time: float, text: str, *, stable: int, final: int, numbers: bool = False
    ) -> Display:
        """A display of a text as written; ``stable`` and ``final`` count normalised words."""
        return cls(time, normalise(text, numbers=numbers), stable, final)


class Screen:
    """Puts the captions of one track together as a reader sees them, in the order of their ids.

    Captions may overlap in time (the next may begin before the last is final); a caption never
    shrinks back to interim.
    """

    def __init__(self, *, numbers: bool = False) -> None:
        self._numbers = numbers
        self._settled: tuple[str, ...] = ()  # the finals that nothing interim precedes
        self._settled_up_to = 0
        self._open: dict[int, _Shown] = {}

    def show(
        self, caption: int, texts: Sequence[str], *, at: float, committed: int, final: bool
    ) -> Display:
        """Take one revision of a caption and return what is shown from then on.

        Args:
            caption: its id, from 1 up.
            texts: its words as displayed.
            at: seconds after the track began.
            committed: so many of the words will not change before the final.
            final: whether this is the last revision.

        Raises:
            ValueError: when the caption was final already.
        """
        before = self._open.get(caption)
        if caption <= self._settled_up_to or (before and before.final):
            raise ValueError(f"caption {caption} changed at {at:.2f} s, after its final")
        words = self._normalise(texts)
        held = len(words) if final else len(self._normalise(texts[:committed]))
        self._open[caption] = _Shown(words, held, final)
        self._settle()
        pending = [self._open[key] for key in sorted(self._open)]
        stable = len(self._settled) + (pending[0].committed if pending else 0)
        shown = self._settled + tuple(word for part in pending for word in part.words)
        return Display(at, shown, stable, len(self._settled))

    def _settle(self) -> None:
        for caption in sorted(self._open):
            if not self._open[caption].final:
                return
            self._settled += self._open.pop(caption).words
            self._settled_up_to = caption

    def _normalise(self, texts: Sequence[str]) -> tuple[str, ...]:
        return normalise(" ".join(texts), numbers=self._numbers)


@dataclass(frozen=True, slots=True)
class _Shown:
    words: tuple[str, ...]
    committed: int
    final: bool
