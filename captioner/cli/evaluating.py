"""Texts judged as a command line asks for it, and what was found put into words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from captioner.cli.diff import print_diff
from captioner.cli.evaluation_report import Against, list_errors, percent, print_report, to_json
from captioner.cli.exits import Failed
from captioner.cli.judging import Rules, Verdict, judge
from captioner.cli.pairing import pair_up
from captioner.cli.terminal import output
from captioner.evaluation.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Request:
    """What is judged by what, and what is shown of it."""

    reference: Path
    hypothesis: Path
    baseline: Path | None
    """An earlier hypothesis."""
    rules: Rules
    diff: bool
    """Whether the errors are shown, or listed for programs."""
    context: int | None
    """Words around each error; None: all of the text."""
    confusions: int
    """How many are listed."""
    as_json: bool
    max_wer: float | None


def evaluate_texts(request: Request) -> None:
    """Judge what is asked for and print the figures.

    Raises:
        Failed: something could not be judged, or is worse than it may be.
        click.UsageError: a folder is to be judged by a single text, or the other way round.
    """
    reference, rules = request.reference, request.rules
    for texts in filter(None, (request.hypothesis, request.baseline)):
        _expect_alike(reference, texts)
    errors: dict[str, list[dict[str, Any]]] = {}

    def show(name: str, comparison: Comparison) -> None:
        if request.as_json:
            errors[name] = list_errors(comparison)
        elif _is_worth_showing(comparison, alone=not request.hypothesis.is_dir()):
            print_diff(output(), name, comparison, context=request.context)

    pairing = pair_up(reference, request.hypothesis)
    verdict = judge(pairing, rules, show=show) if request.diff else judge(pairing, rules)
    _require_figures(verdict, reference)
    against = _against(verdict, request.baseline, reference, rules) if request.baseline else None
    tally, confusions = verdict.tally, request.confusions
    if request.as_json:
        values = to_json(tally, confusions=confusions, against=against, errors=errors)
        click.echo(json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1))
    else:
        print_report(output(), tally, confusions=confusions, against=against)
    _conclude(verdict, request.max_wer)


def _is_worth_showing(comparison: Comparison, *, alone: bool) -> bool:
    """Whether there is anything to see: a text alone without reference is a failure."""
    words = comparison.words
    return words.hypothesis > 0 and (words.reference > 0 or not alone)


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
