"""How well a run went, against what was really said and when."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from captioner.errors import InvalidRequest
from captioner.evaluation.display import Display, Screen
from captioner.evaluation.score import TrackScore, measure
from captioner.evaluation.summary import Percentiles, Summary, summarise
from captioner.evaluation.truth import TimedWord, read_truth
from captioner.transcript import Caption

WIDTH_WITH_MEANING = 90  # cells


@dataclass(frozen=True, slots=True)
class TrueTrack:
    """One participant of a recorded meeting, and every word they said."""

    name: str
    file: Path
    words: tuple[TimedWord, ...]


def read_meeting(folder: Path) -> list[TrueTrack]:
    """The tracks of a folder that has a ``truth.json``.

    Raises:
        InvalidRequest: it is missing, or is not one.
    """
    path = folder / "truth.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [
            TrueTrack(name, folder / track["file"], read_truth(track))
            for name, track in content.items()
        ]
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidRequest(f"{path} is not the truth of a meeting: {error!r}") from None


class Observer:
    """Sees every caption as a reader does, and remembers when."""

    def __init__(self) -> None:
        self._screens: dict[str, Screen] = {}
        self._displays: dict[str, list[Display]] = {}

    def see(self, track: str, caption: Caption, at: float) -> None:
        """A caption arrived ``at`` seconds after its track began."""
        screen = self._screens.setdefault(track, Screen())
        texts = [word.text for word in caption.words]
        display = screen.show(
            caption.id, texts, at=at, committed=caption.committed, final=caption.final
        )
        self._displays.setdefault(track, []).append(display)

    def scores(
        self, truth: Mapping[str, Sequence[TimedWord]], *, until: float = math.inf
    ) -> list[TrackScore]:
        """The score of each track whose truth is known, counting what was said by ``until``."""
        return [
            measure(self._displays.get(track, []), [word for word in words if word.end <= until])
            for track, words in truth.items()
        ]


def figures(scores: Sequence[TrackScore], *, width: int) -> Table:
    """Latencies and errors for people; a narrow table does without the explanations."""
    summary = summarise(scores)
    table = Table("", "median", "90 %", box=None, padding=(0, 3, 0, 0), header_style="dim")
    if width >= WIDTH_WITH_MEANING:
        table.add_column("")
    rows: tuple[tuple[str, Percentiles, str], ...] = (
        ("displayed", summary.displayed, "from the end of a word until it is shown, to stay"),
        ("stable", summary.stable, "until it is shown as certain"),
        ("final", summary.finalised, "from the last word of a caption until it is final"),
    )
    for name, latency, meaning in rows:
        _add(table, name, _seconds(latency.p50), _seconds(latency.p90), meaning)
    _add(table, "word errors", _rate(summary), "", _errors(summary))
    _add(table, "flicker", f"{summary.erasure:.2f}", "", "words taken back, for each word shown")
    return table


def _add(table: Table, name: str, first: str, second: str, meaning: str) -> None:
    cells = (name, f"[bold]{first}[/bold]", second, f"[dim]{meaning}[/dim]")
    table.add_row(*cells[: len(table.columns)])


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f} s"


def _rate(summary: Summary) -> str:
    return "-" if math.isnan(summary.wer) else f"{100 * summary.wer:.1f} %"


def _errors(summary: Summary) -> str:
    text = (
        f"of {summary.words_ref} words: {summary.substitutions} wrong, "
        f"{summary.deletions} missing, {summary.insertions} too many"
    )
    return f"{text}; {summary.tail_words} lost at the end" if summary.tail_words else text
