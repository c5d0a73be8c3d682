"""Positions as subtitle files write them, and as they are read."""

from __future__ import annotations

import re
from fractions import Fraction

from captioner.transcript import SAMPLE_RATE

MAX_HOURS = 9999  # of a time in a file: more is a mistake, and sums of samples stay small

# Hours may be missing, and so may the fraction; the decimal sign is any format's.
_TIME = r"(?:\d{1,4}:)?\d{1,3}:\d{1,2}(?:[.,]\d{1,9})?"
_TIMES = re.compile(rf"\s*({_TIME})\s*--+>\s*({_TIME})(?=\s|$)")


def to_milliseconds(samples: int) -> int:
    """The nearest millisecond."""
    return (samples * 1000 + SAMPLE_RATE // 2) // SAMPLE_RATE


def format_time(samples: int, *, decimal: str) -> str:
    """``01:02:03.456``, with the format's own decimal sign; more than 99 hours take more digits."""
    seconds, milliseconds = divmod(to_milliseconds(samples), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal}{milliseconds:03d}"


def parse_times(line: str) -> tuple[int, int] | None:
    """The start and end that a line of WebVTT or SubRip gives its cue, in samples.

    Hours, the fraction and spaces around the arrow may be missing; what follows is ignored. None:
    the line gives no times.
    """
    match = _TIMES.match(line)
    return (_parse_time(match[1]), _parse_time(match[2])) if match else None


def _parse_time(written: str) -> int:
    clock, _, fraction = written.replace(",", ".").partition(".")
    hours, minutes, seconds = (["0", *clock.split(":")])[-3:]
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    part = Fraction(int(fraction or 0), 10 ** len(fraction))
    return whole * SAMPLE_RATE + round(part * SAMPLE_RATE)
