"""Live captions on a terminal: finals scroll up for good, one mutable line for each speaker below.

The pure part turns what is known into text of a given width; ``LiveDisplay`` and ``PlainDisplay``
put it on a terminal, or into a pipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

# Told apart on light and dark backgrounds alike, by people who do not see red and green apart too.
COLOURS = ("cyan", "magenta", "green", "blue", "yellow", "red")
FINAL_BAR, INTERIM_BAR = "┃", "╎"
TENTATIVE_STYLE = "dim italic"
MAX_NAME = 16  # cells; longer names are cut
MAX_INTERIM_LINES = 3  # as live subtitles: longer utterances roll up
WIDTH_WITH_CLOCK = 60  # narrower terminals do without the time of each caption
WIDTH_WITH_COLUMN = 40  # and, narrower still, get the name on a line of its own

# No-break spaces, which rich takes for spaces to break at, and characters that stand for them.
_HOLD = str.maketrans("\u00a0\u202f", "\ue000\ue001")
_RELEASE = str.maketrans("\ue000\ue001", "\u00a0\u202f")


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance as it is shown."""

    speaker: str
    start: float
    """Seconds on the clock of the meeting."""
    committed: str
    """The leading words that stay; all of them when final."""
    tentative: str = ""
    final: bool = False
    caption: int = 0
    """Tells the utterances of one speaker apart."""

    @property
    def text(self) -> str:
        """Everything that is shown of it."""
        return f"{self.committed} {self.tentative}".strip()


@dataclass(frozen=True, slots=True)
class Status:
    """The bottom line."""

    position: float = 0.0
    """Seconds of the meeting that have been played."""
    duration: float = 0.0
    """Seconds in all; 0: not known, as from a microphone."""
    captions: int = 0
    lag: float = 0.0
    """Seconds that the server is behind; shown when it matters."""
    notice: str = ""
    """What is wrong at the moment: the connection was lost, for example."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The speakers, in the order that decides their colours."""

    names: tuple[str, ...]

    def colour(self, speaker: str) -> str:
        """The same for the same speaker, whoever talks."""
        position = self.names.index(speaker) if speaker in self.names else len(self.names)
        return COLOURS[position % len(COLOURS)]

    @property
    def width(self) -> int:
        """Cells of the column of names."""
        return min(MAX_NAME, max((cell_len(name) for name in self.names), default=0))


def clock(seconds: float) -> str:
    """A position as people read it: ``01:07``, or ``1:02:07`` from one hour on."""
    minutes, second = divmod(int(max(0.0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def render_line(line: Line, cast: Cast, *, width: int, max_lines: int = 0) -> Text:
    """One utterance in at most ``width`` cells, its lines aligned beside the speaker's name.

    ``max_lines`` keeps only the last lines of a longer text; 0 keeps all.
    """
    head, below = _head(line, cast, width)
    body_width = max(1, width - cell_len(below.plain))
    rows = _wrap(body(line), body_width)
    cut = len(rows) > max_lines > 0
    kept = rows[-max_lines:] if cut else rows
    if cut:
        kept[0] = _with_ellipsis(kept[0], body_width)
    parts: list[Text] = []
    for number, row in enumerate(kept):
        prefix = head if number == 0 else below
        parts.append(Text.assemble(prefix, row, no_wrap=True, overflow="crop"))
    return Text("\n").join(parts)


def body(line: Line) -> Text:
    """The words, with the weight of how sure they are."""
    text = Text(line.committed)
    if line.tentative:
        text.append(" " if line.committed else "")
        text.append(line.tentative, style=TENTATIVE_STYLE)
    return text


def _wrap(text: Text, width: int) -> list[Text]:
    """The lines of a text, broken at plain spaces alone: never before a French `?`."""
    text = text.copy()
    text.plain = text.plain.translate(_HOLD)
    rows = list(text.wrap(Console(width=width), width))
    for row in rows:
        row.plain = row.plain.translate(_RELEASE)
        row.rstrip()
    return rows


def _with_ellipsis(row: Text, width: int) -> Text:
    """The first of the lines that are left, told to be a continuation; gives up a word for it."""
    marked = Text.assemble(("… ", "dim"), row)
    if cell_len(marked.plain) > width and " " in row.plain:
        marked = Text.assemble(("… ", "dim"), row[row.plain.index(" ") + 1 :])
    marked.truncate(width, overflow="crop")
    return marked


def _head(line: Line, cast: Cast, width: int) -> tuple[Text, Text]:
    """What stands left of the first line of text, and left of the others."""
    colour = cast.colour(line.speaker)
    bar = (FINAL_BAR if line.final else INTERIM_BAR) + " "
    name_style = f"bold {colour}" if line.final else colour
    if width < WIDTH_WITH_COLUMN:
        name = Text(_cut(line.speaker, width), style=name_style)
        return Text.assemble(name, "\n", (bar, colour)), Text(bar, style=colour)
    name = Text(_cut(line.speaker, cast.width, pad=True), style=name_style)
    time = f"{clock(line.start)}  " if width >= WIDTH_WITH_CLOCK else ""
    blank = " " * (cell_len(time) + cast.width + 1)
    head = Text.assemble((time, "dim"), name, " ", (bar, colour))
    return head, Text.assemble(blank, (bar, colour))


def _cut(name: str, width: int, *, pad: bool = False) -> str:
    if cell_len(name) > width:
        return set_cell_size(name, width - 1) + "…"
    return set_cell_size(name, width) if pad else name


def render_status(status: Status, *, width: int) -> Text:
    """The clock, how much has been played, and what is out of the ordinary."""
    parts: list[tuple[str, str] | str] = [("●", "bold red"), f" {clock(status.position)}"]
    if status.duration:
        parts += [(f" / {clock(status.duration)} ", "dim"), *_bar(status, cells=width // 4)]
    parts += [(f"  {_count(status.captions, 'caption')}", "dim")]
    if status.lag >= 1:
        parts += [(f"  {status.lag:.0f} s behind", "yellow")]
    if status.notice:
        parts += [(f"  {status.notice}", "bold yellow")]
    text = Text.assemble(*parts)
    text.truncate(width, overflow="ellipsis")
    return text


def _bar(status: Status, *, cells: int) -> Iterable[tuple[str, str]]:
    done = round(cells * min(1.0, status.position / status.duration))
    return ("━" * done, "green"), ("─" * (cells - done), "dim")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def render_live(
    interims: Mapping[tuple[str, int], Line], status: Status, cast: Cast, *, width: int
) -> RenderableType:
    """The part of the screen that changes: who is talking, by who began first, and the status."""
    talking = sorted(interims.values(), key=lambda line: line.start)
    rows = [
        render_line(line, cast, width=width, max_lines=MAX_INTERIM_LINES)
        for line in talking
        if line.text
    ]
    return Group(*rows, Text(""), render_status(status, width=width))


class Display(Protocol):
    """Where live captions are shown."""

    def __enter__(self) -> Self:
        """Take the terminal."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        ...

    def show(self, line: Line) -> None:
        """An utterance changed, or became final; an empty final takes its interim away."""
        ...

    def tell(self, status: Status) -> None:
        """Time went on."""
        ...

    def note(self, text: str) -> None:
        """Something happened that is worth a line of its own."""
        ...


class LiveDisplay:
    """On a terminal: what is final scrolls up, what may change stays below it."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._cast = Cast(tuple(dict.fromkeys(names)))
        self._interims: dict[tuple[str, int], Line] = {}
        self._status = Status()
        # Drawn when something changes, never by a thread of its own.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        """Take the bottom of the terminal."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the finals on the screen, and the cursor below them."""
        self._live.stop()

    def show(self, line: Line) -> None:
        """Replace the speaker's interim, or print the final above."""
        if not line.final:
            self._interims[line.speaker, line.caption] = line
        else:
            self._interims.pop((line.speaker, line.caption), None)
            if line.text:
                width = self._console.width
                self._console.print(render_line(line, self._cast, width=width))
        self._draw()

    def tell(self, status: Status) -> None:
        """Draw the bottom line again."""
        self._status = status
        self._draw()

    def note(self, text: str) -> None:
        """Print a line among the finals."""
        self._console.print(Text(text, style="dim"))

    def _draw(self) -> None:
        width = self._console.width
        live = render_live(self._interims, self._status, self._cast, width=width)
        self._live.update(live, refresh=True)


class PlainDisplay:
    """Into a pipe or a file: one line for each final, nothing that changes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        """Nothing to take."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to give back."""

    def show(self, line: Line) -> None:
        """Print finals that say something."""
        if line.final and line.text:
            self._print(f"[{clock(line.start)}] {line.speaker}: {line.text}")

    def tell(self, status: Status) -> None:
        """A pipe shows no clock."""

    def note(self, text: str) -> None:
        """Print a line among the finals."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def open_display(console: Console, names: Sequence[str], *, plain: bool = False) -> Display:
    """The display that fits what standard output is."""
    if plain or not console.is_terminal:
        return PlainDisplay(console)
    return LiveDisplay(console, names)
