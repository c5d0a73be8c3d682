"""What was found in files of subtitles, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from captioner.cli.display import clock
from captioner.subtitles.check import Report, Rule, Violation, seconds_of

_SHOW_SPACES = str.maketrans("\u00a0\u202f", "⍽⍽")


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and what was found in it."""

    source: Path
    report: Report


def to_json(found: Iterable[Checked], profile: str) -> str:
    """What was found, for programs; times in seconds."""
    rows = [
        {
            "file": str(checked.source),
            "cues": checked.report.cues,
            "within_reading_speed": checked.report.readable,
            "violations": [_row(violation) for violation in checked.report.violations],
        }
        for checked in found
    ]
    return json.dumps({"profile": profile, "files": rows}, ensure_ascii=False, indent=1)


def _row(violation: Violation) -> dict[str, object]:
    return {
        "rule": violation.rule.value,
        "cue": violation.cue,
        "time": seconds_of(violation),
        "measured": violation.measured,
        "limit": violation.limit,
        "unit": violation.unit,
        "subject": violation.subject,
    }


def show(console: Console, found: Sequence[Checked], profile: str) -> None:
    """Each violation on a line, then a table of all files."""
    for checked in found:
        for violation in checked.report.violations:
            console.print(_line(checked.source, violation), soft_wrap=True)
    console.print(_summary(found, profile))


def _line(source: Path, violation: Violation) -> Text:
    text = Text()
    text.append(str(source), style="bold")
    if violation.cue:
        text.append(f"  {clock(seconds_of(violation))}  cue {violation.cue}")
    text.append(f"  {violation.rule}", style="yellow")
    text.append(f": {_value(violation.measured, violation.unit)}", style="red")
    if violation.subject:
        text.append(f" for {violation.subject.translate(_SHOW_SPACES)}")
    text.append(f", expected {_wanted(violation)}")
    return text


def _wanted(violation: Violation) -> str:
    limit = _value(violation.limit, violation.unit)
    match violation.rule:
        case Rule.LINES | Rule.COLUMNS | Rule.LONGEST:
            return f"at most {limit}"
        case Rule.SHORTEST | Rule.READING_SPEED | Rule.GAP:
            return f"at least {limit}"
        case Rule.OVERLAP:
            return "none"
        case Rule.BREAK:
            return f"no break between {limit}"
        case Rule.TYPOGRAPHY | Rule.NOTICE:
            return limit


def _value(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return value.translate(_SHOW_SPACES)
    return f"{value:g} {unit}"


def _summary(found: Sequence[Checked], profile: str) -> Table:
    """Counts of each rule that was broken somewhere; all files together where there are several."""
    broken = {rule for checked in found for rule in checked.report.counts()}
    rules = [rule for rule in Rule if rule in broken]
    table = Table(title=f"profile {profile}", title_justify="left", box=None, pad_edge=False)
    table.add_column("file")
    for name in ("cues", "readable", *(rule.value for rule in rules), "violations"):
        table.add_column(name, justify="right")
    for checked in found:
        table.add_row(*_cells(str(checked.source), [checked.report], rules))
    if len(found) > 1:
        table.add_row(*_cells("all", [each.report for each in found], rules), style="bold")
    return table


def _cells(name: str, reports: Sequence[Report], rules: Sequence[Rule]) -> list[str | Text]:
    cues = sum(report.cues for report in reports)
    readable = sum(report.readable for report in reports)
    total = sum(len(report.violations) for report in reports)
    counts = [sum(report.counts()[rule] for report in reports) for rule in rules]
    return [
        name,
        str(cues),
        f"{readable / cues:.0%}" if cues else "-",
        *(str(count) for count in counts),
        Text(str(total), style="red" if total else "green"),
    ]
