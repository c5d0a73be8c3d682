"""Decodes windows of recordings, and decodes again, another way, what cannot have been said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from captioner.asr.engine import SHORTEST_SPEECH, DecodeRow
from captioner.asr.window import MEL_HOP, PADDED
from captioner.errors import Cancelled, ResourceExhausted, Unavailable
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.transcript import Hypothesis
from captioner.transcription.listening import PreparedWindow
from captioner.transcription.reading import Reading, doubts, read

DecodeBatch = Callable[[Sequence[DecodeRow]], Awaitable[Sequence[Hypothesis]]]
"""Decodes rows whose windows have one length, each as it was asked for.

Cancelling what awaits it withdraws the request. It raises `EngineFault`, `Unavailable` or
`InvalidRequest` when it cannot answer all of them.
"""

DecodeRowAlone = Callable[[DecodeRow], Awaitable[Hypothesis]]
"""Decodes one row: see `captioner.scheduling.batcher.Batcher.submit`."""

Answer = TypeVar("Answer")

ATTEMPTS: Final = 5  # how often a row is tried when the engine fails
LONGEST_DELAY: Final = 30.0  # seconds between two attempts


class WindowReader:
    """Reads windows by decoding them.

    Args:
        decode: what decodes batches.
        rule: how long windows are.
        metrics: what to report to.
    """

    def __init__(self, decode: DecodeBatch, rule: WindowRule, metrics: Metrics) -> None:
        self._decode = decode
        self._rule = rule
        self._metrics = metrics

    async def read(self, windows: Sequence[PreparedWindow]) -> list[Reading]:
        """Read windows of one length.

        A window whose hypothesis is doubtful is decoded in halves, as long as it can be divided:
        what misleads the model in one does not in the other. One that cannot is decoded on the
        window that the model was trained on; when that is doubtful too, the likelier is kept.
        """
        hypotheses = await self._decode([window.row for window in windows])
        return [
            await self._settle(window, hypothesis)
            for window, hypothesis in zip(windows, hypotheses, strict=True)
        ]

    async def _settle(self, window: PreparedWindow, hypothesis: Hypothesis) -> Reading:
        if doubts(hypothesis, window.plan):
            parts = [window.part(half, self._rule) for half in window.plan.halves() or ()]
            if parts and min(part.row.speech_frames for part in parts) >= SHORTEST_SPEECH:
                length = max(part.frames for part in parts)
                first, second = await self.read([part.padded_to(length) for part in parts])
                return Reading(first.utterances + second.utterances, first.dropped + second.dropped)
            hypothesis = await self._second_opinion(window, hypothesis)
        reading = read(hypothesis, window.plan)
        for reason in reading.dropped:
            self._metrics.dropped_hypotheses.labels(reason).inc()
        return reading

    async def _second_opinion(self, window: PreparedWindow, first: Hypothesis) -> Hypothesis:
        if window.frames >= PADDED // MEL_HOP:
            return first
        (second,) = await self._decode([window.padded_to(PADDED // MEL_HOP).row])
        if not doubts(second, window.plan):
            return second
        return max(first, second, key=lambda hypothesis: hypothesis.average_logprob)


def row_by_row(decode: DecodeRowAlone, *, longest_delay: float = LONGEST_DELAY) -> DecodeBatch:
    """Decode batches by what takes rows one by one, such as a batcher that serves others too."""

    async def decode_rows(rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        alone = [
            asyncio.create_task(patiently(partial(decode, row), longest_delay=longest_delay))
            for row in rows
        ]
        try:
            return await asyncio.gather(*alone)
        finally:  # one has failed, or nobody waits any more
            for task in alone:
                task.cancel()
            await asyncio.gather(*alone, return_exceptions=True)

    return decode_rows


async def patiently(
    call: Callable[[], Awaitable[Answer]], *, longest_delay: float = LONGEST_DELAY
) -> Answer:
    """Decode; again when the engine failed, or when too many wait already.

    Raises:
        EngineFault: it failed `ATTEMPTS` times.
        Unavailable: what decodes is gone.
        Cancelled: the request was withdrawn.
    """
    failures = 0
    while True:
        try:
            return await call()
        except ResourceExhausted as error:
            delay = error.retry_after  # no failure: others are served first, then this one
        except Cancelled:
            raise
        except Unavailable as error:
            failures += 1
            if failures >= ATTEMPTS:
                raise
            delay = error.retry_after * 2 ** (failures - 1)
        await asyncio.sleep(min(delay, longest_delay))
