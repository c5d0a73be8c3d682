"""Positions as subtitle files write them."""

from __future__ import annotations

from captioner.transcript import SAMPLE_RATE


def to_milliseconds(samples: int) -> int:
    """The nearest millisecond."""
    return (samples * 1000 + SAMPLE_RATE // 2) // SAMPLE_RATE


def format_time(samples: int, *, decimal: str) -> str:
    """``01:02:03.456``, with the format's own decimal sign; more than 99 hours take more digits."""
    seconds, milliseconds = divmod(to_milliseconds(samples), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal}{milliseconds:03d}"
