"""``captioner evaluate``: how good is a transcript, and what is wrong with it?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import click

from captioner.cli.options import GroupedCommand

EXAMPLES = """\
captioner evaluate talk.txt talk.vtt                     error rates and a diff
captioner evaluate talk.txt talk.json --full             the whole text side by side
captioner evaluate talk.txt talk.json --numbers          25 % is vingt-cinq pour cent
captioner evaluate meeting.vtt meeting.json --speaker "Anne Martin=SPEAKER_00"
captioner evaluate references/ texts/                    folders: by name, and in all
captioner evaluate references/ new/ --baseline old/      is it better, or is it chance?
captioner evaluate truth.json talk.json                  word times too
captioner evaluate references/ texts/ --json --max-wer 12%    for CI"""


def _rate(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """An error rate from 0 to 1: ``0.12`` or ``12%``."""
    if value is None:
        return None
    number = value.strip().removesuffix("%")
    try:
        rate = float(number) / (1 if number == value.strip() else 100)
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= 1:
        raise click.BadParameter(f"{value!r} is no rate: expected 0 to 1, or 0% to 100%")
    return rate


def _names(_: click.Context, __: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    """``REF=HYP``: for each name in the hypothesis that in the reference."""
    found: dict[str, str] = {}
    for value in values:
        said, _equals, heard = (part.strip() for part in value.partition("="))
        if not (said and heard):
            raise click.BadParameter(f"{value!r}: expected REF=HYP, a name on both sides")
        found[heard] = said
    return found


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.argument("reference", type=click.Path(exists=True, path_type=Path))
@click.argument("hypothesis", type=click.Path(exists=True, path_type=Path))
@click.option("--numbers", is_flag=True, help="Compare digits as French words.")
@click.option(
    "--speaker",
    "renamed",
    callback=_names,
    multiple=True,
    metavar="REF=HYP",
    help="A speaker's name in the reference and in the hypothesis; may be repeated.",
)
@click.option(
    "--one-text", is_flag=True, help="Compare the words in order of time, whoever said them."
)
@click.option(
    "--diff/--no-diff",
    default=None,
    help="Show where the errors are, or (with --json) list them. [default: for two files]",
)
@click.option(
    "--context",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="Words around each error.",
)
@click.option("--full", is_flag=True, help="Show the whole text.")
@click.option(
    "--confusions",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="How many of the most frequent confusions to list.",
)
@click.option(
    "--baseline",
    type=click.Path(exists=True, path_type=Path),
    metavar="HYPOTHESIS",
    help="An earlier hypothesis: is the new one better by more than chance?",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures for programs.")
@click.option(
    "--max-wer",
    callback=_rate,
    metavar="RATE",
    help="Exit with 1 when the word error rate is higher, e.g. 0.12 or 12%.",
)
def evaluate(
    *,
    reference: Path,
    hypothesis: Path,
    numbers: bool,
    renamed: dict[str, str],
    one_text: bool,
    diff: bool | None,
    context: int,
    full: bool,
    confusions: int,
    baseline: Path | None,
    as_json: bool,
    max_wer: float | None,
) -> None:
    """Judge the transcript HYPOTHESIS by the text that was really said, REFERENCE.

    Both are files (txt, vtt, srt, ttml, json) or folders, whose files are paired by their names;
    a file named truth.json has the true words with their times, of one track or several. Case,
    punctuation, French typography, and how apostrophes and hyphens are written are no errors.

    Speakers are judged one by one where both sides name them. The exit code is 1 when a
    reference has no hypothesis, when a file cannot be read, and when --max-wer is exceeded.
    """
    # Imported here: help does without NumPy.
    from captioner.cli.evaluating import Request, evaluate_texts
    from captioner.cli.judging import Rules

    if diff is None:
        diff = not (as_json or hypothesis.is_dir())
    evaluate_texts(
        Request(
            reference,
            hypothesis,
            baseline,
            Rules(numbers, not one_text, renamed),
            diff=diff,
            context=None if full else context,
            confusions=confusions,
            as_json=as_json,
            max_wer=max_wer,
        )
    )
