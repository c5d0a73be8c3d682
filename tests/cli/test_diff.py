from __future__ import annotations

import io
from collections.abc import Iterable

from comparison_samples import said, words
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from captioner.cli.diff import print_diff
from captioner.evaluation.comparison import Comparison, compare
from captioner.evaluation.utterances import Utterance

REFERENCE = [
    Utterance("Le conseil municipal a adopté le budget.", "Claire", 3.0),
    Utterance("Oui, à une large majorité !", "Luc", 3661.0),
]
HYPOTHESIS = [
    Utterance("le conseil a pas adopter le budget", "Claire", 3.0),
    Utterance("oui à une large majorité", "Luc", 3661.0),
]
NAMES = {"Claire": "Claire", "Luc": "Luc"}

GOLDEN = """\
hyp.vtt   S substituted, D deleted, I inserted

00:03    Claire  ref  le conseil municipal a *** adopté  le budget
                 hyp  le conseil ********* a pas adopter le budget
                                 D           I   S

1:01:01  Luc     ref  oui à une large majorité
                 hyp  oui à une large majorité

"""

# What a terminal gets for the same passage: bold cyan, red and yellow repeat the marks.
COLOURED = (
    "\x1b[1mhyp.vtt\x1b[0m\x1b[2m   S substituted, D deleted, I inserted\x1b[0m\n"
    "\n"
    "\x1b[2m00:03  Claire  \x1b[0m\x1b[2mref  \x1b[0m"
    "… a \x1b[1;36m***\x1b[0m \x1b[1;33madopté\x1b[0m  le …\n"
    "               \x1b[2mhyp  \x1b[0m"
    "… a \x1b[1;36mpas\x1b[0m \x1b[1;33madopter\x1b[0m le …\n"
    "\x1b[1m                        I   S\x1b[0m\n"
    "\n"
)


def printed(
    comparison: Comparison, *, context: int | None = 5, width: int = 0, colour: bool = False
) -> str:
    """What goes into a pipe, or with a width onto a terminal."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width or 10_000,
        force_terminal=bool(width),
        color_system="standard" if colour else None,
        highlight=False,
    )
    print_diff(console, "hyp.vtt", comparison, context=context)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def rows(text: str, label: str) -> list[str]:
    """The words after a label."""
    found: Iterable[str] = (line.partition(f"{label}  ")[2] for line in text.splitlines())
    return [word for line in found for word in line.split()]


def test_the_diff_in_a_pipe() -> None:
    comparison = compare(REFERENCE, HYPOTHESIS, speakers=NAMES)
    assert printed(comparison, context=None) == GOLDEN


def test_the_diff_in_colour() -> None:
    heard = [Utterance("le conseil municipal a pas adopter le budget", "Claire"), HYPOTHESIS[1]]
    comparison = compare(REFERENCE, heard, speakers=NAMES)
    text = printed(comparison, context=1, width=80, colour=True)
    assert text == COLOURED


def test_colour_adds_nothing_that_marks_do_not_say() -> None:
    comparison = compare(REFERENCE, HYPOTHESIS, speakers=NAMES)
    assert "\x1b" not in printed(comparison)
    assert "D           I   S" in printed(comparison)


def test_texts_that_agree_have_no_diff() -> None:
    assert printed(compare(said("oui"), said("oui"))) == ""


def test_without_times_and_names_the_text_begins_at_once() -> None:
    text = printed(compare(said("le chat"), said("le chien")))
    assert text.splitlines()[2:5] == ["ref  le chat", "hyp  le chien", "        S"]


def test_a_narrow_terminal_has_time_and_name_on_a_line_of_their_own() -> None:
    text = printed(compare(REFERENCE, HYPOTHESIS, speakers=NAMES), width=40)
    assert "00:03 Claire\nref  le conseil municipal a ***\n" in text


def test_a_long_name_is_cut() -> None:
    long = Utterance("oui", "Maximilienne de la Fontaine", 1.0)
    text = printed(
        compare([long], [Utterance("non", long.speaker)], speakers={long.speaker: long.speaker})
    )
    assert "00:01  Maximilienne de…  ref  oui" in text


def test_a_pipe_is_wrapped_so_that_marks_can_be_read() -> None:
    text = printed(compare(said("mot " * 100), said("mot " * 99)))
    assert printed(compare(said("mot " * 100), said("mot " * 99)), context=None).count("ref") > 3
    assert max(map(len, text.splitlines())) <= 100


def test_a_cut_passage_never_ends_in_a_row_that_holds_nothing() -> None:
    for width in range(60, 90):
        text = printed(
            compare(
                said("un deux trois " * 20),
                said("un deux trois " * 8 + "six " + "un deux trois " * 12),
            ),
            width=width,
        )
        assert not any(line.split() == ["ref", "…"] for line in text.splitlines())


@given(words, words, st.integers(30, 90))
def test_wrapped_rows_hold_both_texts_within_the_width(
    one: list[str], other: list[str], width: int
) -> None:
    text = printed(compare(said(*one), said(*other)), context=None, width=width)
    assert [word for word in rows(text, "ref") if "*" not in word] == one
    assert [word for word in rows(text, "hyp") if "*" not in word] == other
    assert all(cell_len(line) <= width for line in text.splitlines()[1:])


@given(words, words)
def test_there_is_a_mark_for_each_error(one: list[str], other: list[str]) -> None:
    comparison = compare(said(*one), said(*other))
    lines = printed(comparison, context=None).splitlines()[1:]
    marks = "".join(line for line in lines if not line.startswith(("ref", "hyp")))
    counts = comparison.words
    assert [marks.count(mark) for mark in "SDI"] == [
        counts.substitutions,
        counts.deletions,
        counts.insertions,
    ]
