"""``captioner evaluate``: how good is a transcript, and what is wrong with it?"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from captioner.cli.diff import print_diff
from captioner.cli.evaluation_report import Against, list_errors, percent, print_report, to_json
from captioner.cli.exits import Failed
from captioner.cli.judging import Rules, Verdict, judge
from captioner.cli.options import GroupedCommand
from captioner.cli.pairing import pair_up
from captioner.cli.terminal import output
from captioner.evaluation.comparison import Comparison

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
    for texts in filter(None, (hypothesis, baseline)):
        _expect_alike(reference, texts)
    rules = Rules(numbers, not one_text, renamed)
    shown = not (as_json or hypothesis.is_dir()) if diff is None else diff
    errors: dict[str, list[dict[str, Any]]] = {}

    def show(name: str, comparison: Comparison) -> None:
        if shown and as_json:
            errors[name] = list_errors(comparison)
        elif shown and (comparison.words.reference or hypothesis.is_dir()):
            print_diff(output(), name, comparison, context=None if full else context)

    verdict = judge(pair_up(reference, hypothesis), rules, show=show)
    _require_figures(verdict, reference)
    against = _against(verdict, baseline, reference, rules) if baseline else None
    if as_json:
        values = to_json(verdict.tally, confusions=confusions, against=against, errors=errors)
        click.echo(json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1))
    else:
        print_report(output(), verdict.tally, confusions=confusions, against=against)
    _conclude(verdict, max_wer)


def _expect_alike(reference: Path, texts: Path) -> None:
    """Folders are judged by folders, or by the tracks of a truth.json."""
    if reference.is_dir() and not texts.is_dir():
        raise click.UsageError(f"{reference} is a folder, but {texts} is not")
    if texts.is_dir() and not reference.is_dir() and reference.suffix.lower() != ".json":
        raise click.UsageError(f"{texts} is a folder, but {reference} is one text")


def _require_figures(verdict: Verdict, reference: Path) -> None:
    """Fail where there is nothing to say but what went wrong."""
    if not verdict.tally.files:
        raise Failed("\n".join(verdict.problems))
    words = verdict.tally.total.words
    if not words.reference:
        raise Failed(
            f"{reference} has no words, so there is no word error rate: "
            f"{words.insertions} words were recognised"
        )


def _against(verdict: Verdict, baseline: Path, reference: Path, rules: Rules) -> Against:
    """The difference from an earlier hypothesis, over the references that both have."""
    earlier = judge(pair_up(reference, baseline), rules)
    verdict.problems += (
        f"{label}: {baseline} has no hypothesis for it"
        for label in verdict.tally.blocks
        if label not in earlier.tally.blocks
    )
    try:
        difference, interval = verdict.tally.difference(earlier.tally)
    except ValueError as error:
        raise Failed(f"{baseline} cannot be compared: {error}") from None
    return Against(str(baseline), difference, interval)


def _conclude(verdict: Verdict, max_wer: float | None) -> None:
    """Remarks, then what makes the command fail, if anything does."""
    for remark in verdict.remarks:
        click.echo(f"Note: {remark}", err=True)
    failed = list(verdict.problems)
    rate = verdict.tally.total.words.rate
    if max_wer is not None and rate > max_wer:
        failed.append(f"the word error rate is {percent(rate)}, more than {percent(max_wer)}")
    if failed:
        raise Failed("\n".join(failed))
