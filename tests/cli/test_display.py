from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from captioner.cli.display import (
    COLOURS,
    MAX_INTERIM_LINES,
    TENTATIVE_STYLE,
    Cast,
    Line,
    LiveDisplay,
    PlainDisplay,
    Status,
    clock,
    open_display,
    render_line,
    render_live,
    render_status,
)

CAST = Cast(("Claire", "Sophie", "Julien"))
LONG = (
    "Nous avons trois sujets à l'ordre du jour, et je vous propose de commencer tout de suite "
    "par le premier, qui est le budget de l'année prochaine."
)


def shown(renderable: object, *, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def terminal(*, width: int = 80) -> Console:
    return Console(
        width=width, height=24, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (-1, "00:00"), (67.9, "01:07"), (3599.9, "59:59"), (3727, "1:02:07")],
)
def test_a_position_is_told_in_minutes_and_in_hours_from_one_on(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_wide_terminal_shows_the_time_the_name_and_the_text_in_columns() -> None:
    line = Line("Claire", 4, LONG, final=True)
    assert shown(render_line(line, CAST, width=80), width=80) == (
        "00:04  Claire ┃ Nous avons trois sujets à l'ordre du jour, et je vous propose de\n"
        "              ┃ commencer tout de suite par le premier, qui est le budget de\n"
        "              ┃ l'année prochaine."
    )


def test_a_medium_terminal_does_without_the_time() -> None:
    line = Line("Claire", 4, "Bonjour à tous, merci d'être présents ce matin.", final=True)
    assert shown(render_line(line, CAST, width=45), width=45) == (
        "Claire ┃ Bonjour à tous, merci d'être\n       ┃ présents ce matin."
    )


def test_a_narrow_terminal_has_the_name_on_a_line_of_its_own() -> None:
    line = Line("Claire", 4, "Bonjour à tous, merci.", final=True)
    assert shown(render_line(line, CAST, width=20), width=20) == (
        "Claire\n┃ Bonjour à tous,\n┃ merci."
    )


def test_no_line_is_broken_before_a_french_question_mark() -> None:
    line = Line("Claire", 4, "Est-ce que tout le monde voit\u202f?", final=True)
    assert render_line(line, CAST, width=32).plain.endswith("┃ voit\u202f?")


def test_an_interim_has_another_bar_than_a_final() -> None:
    line = Line("Sophie", 16, "Je voudrais", "revenir sur")
    assert shown(render_line(line, CAST, width=80), width=80) == (
        "00:16  Sophie ╎ Je voudrais revenir sur"
    )


def test_tentative_words_look_different_from_committed_ones() -> None:
    text = render_line(Line("Sophie", 16, "Je voudrais", "revenir sur"), CAST, width=80)
    tentative = [
        text.plain[span.start : span.end] for span in text.spans if span.style == TENTATIVE_STYLE
    ]
    assert tentative == ["revenir sur"]


def test_tentative_words_keep_their_look_on_each_line() -> None:
    text = render_line(Line("Sophie", 16, "", LONG), CAST, width=80)
    tentative = "".join(
        text.plain[span.start : span.end] for span in text.spans if span.style == TENTATIVE_STYLE
    )
    assert tentative.replace(" ", "") == LONG.replace(" ", "")


def test_a_long_interim_rolls_up_to_its_last_lines() -> None:
    line = Line("Claire", 4, LONG)
    assert shown(render_line(line, CAST, width=60, max_lines=2), width=60) == (
        "00:04  Claire ╎ … suite par le premier, qui est le budget de\n"
        "              ╎ l'année prochaine."
    )


def test_a_speaker_keeps_a_colour_and_speakers_differ() -> None:
    assert [CAST.colour(name) for name in CAST.names] == list(COLOURS[:3])
    assert CAST.colour("somebody else") == COLOURS[3]


def test_a_long_name_is_cut() -> None:
    cast = Cast(("Anne-Charlotte de Montmorency",))
    line = Line(cast.names[0], 0, "Oui.", final=True)
    assert shown(render_line(line, cast, width=80), width=80) == "00:00  Anne-Charlotte … ┃ Oui."


def test_brackets_in_the_text_are_text() -> None:
    line = Line("Claire", 0, "[bold]oui[/bold]", final=True)
    assert shown(render_line(line, CAST, width=80), width=80).endswith("[bold]oui[/bold]")


@given(
    committed=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])),
    tentative=st.text(alphabet="abc éà'-"),
    speaker=st.text(alphabet="abcdefé ", min_size=1, max_size=40),
    width=st.integers(min_value=12, max_value=200),
    max_lines=st.integers(min_value=0, max_value=4),
)
def test_nothing_is_wider_than_the_terminal(
    committed: str, tentative: str, speaker: str, width: int, max_lines: int
) -> None:
    line = Line(speaker, 0, committed, tentative)
    for row in render_line(line, Cast((speaker,)), width=width, max_lines=max_lines).split("\n"):
        assert cell_len(row.plain) <= width


@given(st.lists(st.text(alphabet="abcé'", min_size=1, max_size=8), max_size=60))
def test_no_word_of_a_final_is_lost_in_wrapping(words: list[str]) -> None:
    line = Line("Claire", 0, " ".join(words), final=True)
    rows = render_line(line, CAST, width=60).plain.split("\n")
    assert " ".join(row.partition("┃ ")[2] for row in rows).split() == words


def test_the_status_shows_the_clock_the_progress_and_the_count() -> None:
    status = Status(position=92, duration=184, captions=12)
    assert shown(render_status(status, width=80), width=80) == (
        "● 01:32 / 03:04 ━━━━━━━━━━──────────  12 captions"
    )


def test_the_status_of_a_microphone_has_no_end() -> None:
    assert shown(render_status(Status(position=7, captions=1), width=80), width=80) == (
        "● 00:07  1 caption"
    )


def test_the_status_tells_of_lag_only_when_there_is_some() -> None:
    assert "behind" not in render_status(Status(lag=0.9), width=80).plain
    assert "3 s behind" in render_status(Status(lag=3.2), width=80).plain


def test_the_status_tells_of_a_lost_connection() -> None:
    assert "reconnecting" in render_status(Status(notice="reconnecting"), width=80).plain


@given(
    width=st.integers(min_value=10, max_value=200),
    position=st.floats(min_value=0, max_value=1e6),
    notice=st.text(alphabet="abc ", max_size=60),
)
def test_the_status_is_one_line(width: int, position: float, notice: str) -> None:
    status = Status(position=position, duration=184, captions=9, lag=5, notice=notice)
    assert cell_len(render_status(status, width=width).plain) <= width


def test_who_began_first_stands_first_and_silent_interims_take_no_line() -> None:
    lines = {
        ("Sophie", 1): Line("Sophie", 16, "", "Je voudrais"),
        ("Julien", 1): Line("Julien", 15, "", "Oui, tout"),
        ("Claire", 1): Line("Claire", 14, "", ""),
    }
    assert shown(render_live(lines, Status(position=17), CAST, width=80), width=80) == (
        "00:15  Julien ╎ Oui, tout\n00:16  Sophie ╎ Je voudrais\n\n● 00:17  0 captions"
    )


def test_a_final_takes_the_place_of_its_interim() -> None:
    console = terminal()
    with LiveDisplay(console, CAST.names) as display:
        display.show(Line("Claire", 1, "Bonjour", "à toute", caption=1))
        display.show(Line("Sophie", 1, "", "Oui", caption=1))
        display.show(Line("Claire", 1, "Bonjour à tous.", final=True, caption=1))
        written_before = len(written(console))
        display.tell(Status(position=2))
        last_frame = written(console)[written_before:]
    assert "Bonjour" not in last_frame
    assert "Oui" in last_frame
    assert "Bonjour à tous." in written(console)


def test_a_final_leaves_the_speakers_next_interim_alone() -> None:
    console = terminal()
    with LiveDisplay(console, CAST.names) as display:
        display.show(Line("Claire", 3, "", "Ensuite", caption=2))
        display.show(Line("Claire", 1, "Bonjour.", final=True, caption=1))
        written_before = len(written(console))
        display.tell(Status(position=2))
        assert "Ensuite" in written(console)[written_before:]


def test_an_empty_final_only_takes_its_interim_away() -> None:
    console = terminal()
    with LiveDisplay(console, CAST.names) as display:
        display.show(Line("Claire", 1, "", "Hum", caption=1))
        display.show(Line("Claire", 1, "", final=True, caption=1))
        written_before = len(written(console))
        display.tell(Status(position=2))
        assert "Hum" not in written(console)[written_before:]
    assert "┃" not in written(console)


def test_a_pipe_gets_a_line_for_each_final_that_says_something() -> None:
    console = Console(file=io.StringIO(), width=20)
    with open_display(console, CAST.names) as display:
        assert isinstance(display, PlainDisplay)
        display.note("Captions are generated automatically.")
        display.show(Line("Claire", 4, "Nous", "avons"))
        display.show(Line("Claire", 4, LONG, final=True))
        display.show(Line("Sophie", 9, "", final=True))
        display.tell(Status(position=9))
    assert written(console) == (f"Captions are generated automatically.\n[00:04] Claire: {LONG}\n")


def test_a_terminal_gets_the_live_display_unless_plain_is_asked_for() -> None:
    assert isinstance(open_display(terminal(), CAST.names), LiveDisplay)
    assert isinstance(open_display(terminal(), CAST.names, plain=True), PlainDisplay)


def test_the_live_part_stays_small_however_long_the_utterance() -> None:
    lines = {("Claire", 1): Line("Claire", 1, LONG * 10)}
    rows = shown(render_live(lines, Status(), CAST, width=60), width=60).split("\n")
    assert len(rows) == MAX_INTERIM_LINES + 2
