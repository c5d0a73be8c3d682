from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from captioner.rounds import SLICE, Rounds
from captioner.vad.ahead import AheadDetector
from captioner.vad.detector import VoiceDetector
from captioner.vad.silero import SileroModel

Samples = npt.NDArray[np.float32]

PIECE = np.zeros(1536, np.float32)


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel.bundled()


class Thread:
    """Another thread, in which calls wait until the test lets them run."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[[], None], asyncio.Future[None]]] = []
        self.called = asyncio.Event()

    def run(self, call: Callable[[], None]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.calls.append((call, future))
        self.called.set()
        return future

    async def started(self) -> None:
        """Wait for a call."""
        await self.called.wait()
        self.called.clear()

    def finish(self, error: Exception | None = None) -> None:
        """Run the oldest call, or have it fail."""
        call, future = self.calls.pop(0)
        if error is not None:
            future.set_exception(error)
        else:
            call()
            future.set_result(None)


class Track:
    """A session that keeps what happens to it."""

    def __init__(self, model: SileroModel, *, broken: bool = False) -> None:
        self.detector = AheadDetector(VoiceDetector(model))
        self.waiting: list[Samples] = []
        self.probabilities: list[Samples] = []
        self.errors: list[BaseException] = []
        self.taken = asyncio.Event()
        self._broken = broken

    def gather(self) -> Samples:
        waiting, self.waiting = self.waiting, []
        return np.concatenate([PIECE[:0], *waiting])

    def take(self, samples: Samples) -> None:
        self.taken.set()
        if self._broken:
            raise RuntimeError("broken")
        self.probabilities.append(self.detector.process(samples))

    def fail(self, error: BaseException) -> None:
        self.taken.set()
        self.errors.append(error)


def give(rounds: Rounds, track: Track, audio: Samples = PIECE) -> None:
    track.waiting.append(audio)
    rounds.join(track)


async def test_all_that_have_audio_are_heard_in_one_call(model: SileroModel) -> None:
    thread = Thread()
    rounds, tracks = Rounds(thread.run), [Track(model) for _ in range(5)]
    for track in tracks:
        give(rounds, track)
        give(rounds, track)

    await thread.started()
    assert len(thread.calls) == 1
    thread.finish()

    for track in tracks:
        await track.taken.wait()
        np.testing.assert_array_equal(
            np.concatenate(track.probabilities), VoiceDetector(model).process(np.tile(PIECE, 2))
        )


async def test_who_comes_during_a_round_is_heard_in_the_next_one(model: SileroModel) -> None:
    thread = Thread()
    rounds, first, second = Rounds(thread.run), Track(model), Track(model)
    give(rounds, first)
    await thread.started()

    give(rounds, second)
    give(rounds, first)
    thread.finish()
    await first.taken.wait()
    assert not second.taken.is_set()
    await thread.started()
    thread.finish()
    await second.taken.wait()

    assert [len(track.probabilities) for track in (first, second)] == [2, 1]


async def test_who_leaves_before_a_round_is_not_in_it(model: SileroModel) -> None:
    thread = Thread()
    rounds, gone, there = Rounds(thread.run), Track(model), Track(model)
    give(rounds, gone)
    give(rounds, there)

    rounds.leave(gone)
    await thread.started()
    thread.finish()
    await there.taken.wait()

    assert gone.probabilities == []
    assert len(gone.waiting) == 1


async def test_a_round_of_nobody_with_audio_is_none(model: SileroModel) -> None:
    thread = Thread()
    rounds, empty, track = Rounds(thread.run), Track(model), Track(model)
    rounds.join(empty)
    for _ in range(5):  # its round begins and ends
        await asyncio.sleep(0)
    assert thread.calls == []

    give(rounds, track)
    await thread.started()
    thread.finish()
    await track.taken.wait()

    assert empty.probabilities == []


async def test_a_session_that_breaks_harms_no_other(model: SileroModel) -> None:
    thread = Thread()
    rounds = Rounds(thread.run)
    tracks = [Track(model, broken=number == 1) for number in range(3)]
    for track in tracks:
        give(rounds, track)

    await thread.started()
    thread.finish()
    await tracks[2].taken.wait()

    assert [len(track.probabilities) for track in tracks] == [1, 0, 1]
    assert [str(error) for error in tracks[1].errors] == ["broken"]


async def test_hearing_that_fails_ends_its_round_and_no_other(model: SileroModel) -> None:
    thread = Thread()
    rounds, first, second = Rounds(thread.run), Track(model), Track(model)
    give(rounds, first)
    await thread.started()
    give(rounds, second)

    thread.finish(RuntimeError("no memory"))
    await thread.started()
    thread.finish()
    await second.taken.wait()

    assert [str(error) for error in first.errors] == ["no memory"]
    assert second.errors == []


async def test_who_waits_goes_on_when_its_round_is_over(model: SileroModel) -> None:
    thread = Thread()
    rounds, track, other = Rounds(thread.run), Track(model), Track(model)
    await rounds.settled(track)
    give(rounds, track)
    await thread.started()

    await rounds.settled(other)
    settled = asyncio.create_task(rounds.settled(track))
    await asyncio.sleep(0)
    assert not settled.done()
    thread.finish()
    await settled

    assert len(track.probabilities) == 1


async def test_the_loop_does_other_things_while_many_take_what_was_heard(
    model: SileroModel,
) -> None:
    thread = Thread()
    rounds, tracks = Rounds(thread.run), [Track(model) for _ in range(3 * SLICE)]
    for track in tracks:
        give(rounds, track)
    await thread.started()

    thread.finish()
    taken: list[int] = []
    while not taken or taken[-1] < len(tracks):
        await asyncio.sleep(0)
        taken.append(sum(track.taken.is_set() for track in tracks))

    assert {SLICE, 2 * SLICE} <= set(taken)
