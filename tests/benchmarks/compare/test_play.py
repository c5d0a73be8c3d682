from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import pytest
from compare.connection import Text, note
from compare.measure import fell_behind, never_final, point_json, spent
from compare.play import MOST_SILENCE, QUIET, SILENCE, Playing, play_all, quiet_since
from figures import score_run
from meter import Usage
from recordings import Take
from tracks import CHUNK_BYTES, TrackLog

from captioner.clock import SystemClock
from captioner.errors import CaptionerError, ResourceExhausted, Unavailable
from captioner.evaluation.display import Display
from captioner.evaluation.truth import TimedWord

SPEECH = bytes([1]) * CHUNK_BYTES
TAKE = Take("prise", SPEECH, (TimedWord("bonjour", 0.02, 0.08),))


class Echo:
    """A system that shows a word, final at once, when it gets audio; it keeps what it got."""

    needs_silence = False
    pending = False

    def __init__(
        self, *, refusal: CaptionerError | None = None, failure: CaptionerError | None = None
    ) -> None:
        self.sent: list[bytes] = []
        self._refusal = refusal
        self._failure = failure
        self._heard = asyncio.Event()
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._refusal is not None:
            raise self._refusal
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def send(self, pcm: bytes) -> None:
        self.sent.append(pcm)
        self._heard.set()

    async def end(self) -> None:
        self._over.set()

    async def listen(self, log: TrackLog, elapsed: Callable[[], float]) -> None:
        await self._heard.wait()
        if self._failure is not None:
            raise self._failure
        note(log, Text("Bonjour"), elapsed())
        await self._over.wait()
        log.ended = True


async def played(*connections: Echo) -> Playing:
    playing = Playing([TrackLog(TAKE) for _ in connections], (0.0,) * len(connections))
    await play_all(connections, playing, SystemClock())
    return playing


async def test_a_take_is_sent_when_it_would_have_been_captured() -> None:
    echo = Echo()
    (log,) = (await played(echo)).logs
    assert echo.sent == [SPEECH]
    assert log.displays[0].time >= 0.1
    assert log.ended


async def test_what_goes_wrong_on_one_track_is_told_and_leaves_the_others_alone() -> None:
    refused = Echo(refusal=ResourceExhausted("full"))
    absent = Echo(refusal=Unavailable("nobody there"))
    broken = Echo(failure=Unavailable("hung up"))
    good = Echo()
    logs = (await played(refused, absent, broken, good)).logs
    assert [log.refused for log in logs] == ["full", "", "", ""]
    assert [log.problem for log in logs] == ["", "nobody there", "hung up", ""]
    assert [log.ended for log in logs] == [False, False, False, True]
    assert fell_behind(score_run(logs, Usage()))


class _Hesitant(Echo):
    """Makes final what it shows when it has heard silence."""

    needs_silence = True

    @property
    def pending(self) -> bool:  # type: ignore[override]
        return SILENCE not in self.sent


@pytest.mark.slow
async def test_silence_follows_until_nothing_more_comes() -> None:
    hesitant = _Hesitant()
    (log,) = (await played(hesitant)).logs
    silence = len(hesitant.sent) - 1
    assert hesitant.sent[1:] == [SILENCE] * silence
    assert QUIET[0] <= silence * 0.1 + 0.2 < MOST_SILENCE
    assert log.ended


def shown(*times: float) -> TrackLog:
    return TrackLog(TAKE, [Display(time, ("mot",), 0, 0) for time in times])


@pytest.mark.parametrize(
    ("times", "speech", "quiet"),
    [
        ((), 10.0, 15.0),  # the least
        ((1.0, 2.0, 9.0), 10.0, 24.0),  # twice the longest pause
        ((1.0, 30.0), 31.0, 51.0),  # the most
        ((1.0, 2.0, 12.0), 10.0, 32.0),  # from the last news
    ],
)
def test_a_track_is_quiet_after_twice_its_longest_pause(
    times: tuple[float, ...], speech: float, quiet: float
) -> None:
    assert quiet_since(shown(*times), speech) == quiet


def test_cpu_counts_until_the_last_word_was_shown() -> None:
    playing = Playing([shown(0.5), shown(2.0)], (0.0, 1.0), origin=100.0)
    assert playing.over == 103.0
    looks = [(99.0, 5.0), (101.0, 7.0), (104.0, 10.0)]
    assert spent(looks, playing) == pytest.approx(9.0 - 6.0)


def test_cpu_counts_until_the_end_of_the_take_when_nothing_was_shown() -> None:
    assert Playing([shown()], (1.0,), origin=10.0).over == pytest.approx(11.1)


def test_words_that_never_were_final_are_counted() -> None:
    log = TrackLog(TAKE, [Display(1.0, ("un", "deux", "trois"), 1, 1)])
    assert never_final(log) == 2
    assert never_final(TrackLog(TAKE)) == 0


def run_of(display: Display) -> TrackLog:
    return TrackLog(TAKE, [display], ended=True)


def test_a_point_that_is_late_holds_nothing_and_says_that_it_fell_behind() -> None:
    late = score_run([run_of(Display(9.0, ("bonjour",), 1, 1))], Usage())
    assert point_json(late)["fell_behind"]
    assert not point_json(late)["sustained"]


def test_what_the_server_dropped_counts_against_it() -> None:
    good = score_run([run_of(Display(0.5, ("bonjour",), 1, 1))], Usage())
    assert point_json(good)["sustained"]
    assert not point_json(good)["fell_behind"]
    dropped = point_json(good, dropped=2)
    assert not dropped["sustained"]
    assert dropped["losses"]["told_by_server"] == 2
