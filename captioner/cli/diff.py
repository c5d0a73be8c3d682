"""An alignment on a terminal: the reference above the hypothesis, errors marked below.

Colours only repeat what the marks say, so nothing is lost in a pipe or on eyes that do not tell
them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from captioner.cli.display import MAX_NAME, WIDTH_WITH_CLOCK, clock
from captioner.evaluation.alignment import Column
from captioner.evaluation.comparison import Comparison
from captioner.evaluation.diff import Passage, select_passages
from captioner.evaluation.edits import Operation

LEGEND = "S substituted, D deleted, I inserted"
REFERENCE, HYPOTHESIS = "ref", "hyp"
PLAIN_WIDTH = 100  # cells where there is no terminal: aligned lines are to be read, not cut
CUT = "…"
NOTHING = "*"

_MARKS: dict[Operation, str] = {"equal": " ", "substitute": "S", "delete": "D", "insert": "I"}
_STYLES: dict[Operation, str] = {
    "equal": "",
    "substitute": "bold yellow",
    "delete": "bold red",
    "insert": "bold cyan",
}


@dataclass(frozen=True, slots=True)
class _Cell:
    """A column as it is drawn."""

    above: str
    below: str
    operation: Operation

    @property
    def width(self) -> int:
        return max(cell_len(self.above), cell_len(self.below))


_CUT = _Cell(CUT, CUT, "equal")  # ends a row even where no other word would fit


def print_diff(console: Console, name: str, comparison: Comparison, *, context: int | None) -> None:
    """Show where a hypothesis differs; ``context`` as in ``select_passages``."""
    passages = select_passages(comparison.parts, context=context)
    if not passages:
        return
    width = console.width if console.is_terminal else PLAIN_WIDTH
    columns = {"names": name_width(passages), "clocks": clock_width(passages)}
    console.print(Text.assemble((name, "bold"), (f"   {LEGEND}\n", "dim")), soft_wrap=True)
    for passage in passages:
        for line in render_passage(passage, width=width, **columns):
            console.print(line, soft_wrap=True)
        console.print()


def render_passage(passage: Passage, *, width: int, names: int, clocks: int) -> Iterator[Text]:
    """The lines of a passage, in at most ``width`` cells unless a word alone is wider.

    ``names`` and ``clocks`` are the cells of the widest name and time of the diff; 0: none is
    known. Narrow terminals have them on a line of their own.
    """
    time = "" if passage.start is None else clock(passage.start)
    name = _fit(passage.speaker, names)
    parts = [set_cell_size(time, clocks)] * bool(clocks) + [name] * bool(names)
    head = "  ".join(parts)
    if head and width < WIDTH_WITH_CLOCK:
        yield Text(" ".join(part.strip() for part in parts if part.strip()), style="dim")
        head = ""
    margin = cell_len(head) + 2 if head else 0
    gutter = margin + len(REFERENCE) + 2
    for number, row in enumerate(_wrap(_cells(passage), width - gutter - _CUT.width - 1)):
        before = Text(set_cell_size(head if not number else "", margin), style="dim")
        yield _line(before, REFERENCE, row, above=True)
        yield _line(Text(" " * margin), HYPOTHESIS, row, above=False)
        if marks := _marks(row):
            yield Text(" " * gutter + marks, style="bold")


def name_width(passages: Sequence[Passage]) -> int:
    """Cells of the column of names."""
    return min(MAX_NAME, max((cell_len(passage.speaker) for passage in passages), default=0))


def clock_width(passages: Sequence[Passage]) -> int:
    """Cells of the column of times."""
    starts = [passage.start for passage in passages if passage.start is not None]
    return max((len(clock(start)) for start in starts), default=0)


def _fit(name: str, width: int) -> str:
    return (
        set_cell_size(name, width - 1) + CUT
        if cell_len(name) > width
        else set_cell_size(name, width)
    )


def _cells(passage: Passage) -> Iterator[_Cell]:
    if passage.cut_before:
        yield _CUT
    yield from map(_cell, passage.columns)
    if passage.cut_after:
        yield _CUT


def _cell(column: Column) -> _Cell:
    above = column.reference.text if column.reference else ""
    below = column.hypothesis.text if column.hypothesis else ""
    return _Cell(
        above or NOTHING * cell_len(below), below or NOTHING * cell_len(above), column.operation
    )


def _wrap(cells: Iterator[_Cell], width: int) -> Iterator[list[_Cell]]:
    row: list[_Cell] = []
    used = 0
    for cell in cells:
        if row and used + cell.width > width and cell is not _CUT:
            yield row
            row, used = [], 0
        row.append(cell)
        used += cell.width + 1
    if row:
        yield row


def _line(before: Text, label: str, row: Sequence[_Cell], *, above: bool) -> Text:
    line = Text.assemble(before, (f"{label}  ", "dim"), no_wrap=True, overflow="ignore")
    for cell in row:
        text = cell.above if above else cell.below
        line.append(text, style=_STYLES[cell.operation])
        line.append(" " * (cell.width - cell_len(text) + 1))
    line.rstrip()
    return line


def _marks(row: Sequence[_Cell]) -> str:
    return " ".join(_MARKS[cell.operation].ljust(cell.width) for cell in row).rstrip()
