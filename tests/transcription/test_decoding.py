from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcription_fakes import Script, hypothesis, length_in_words

from captioner.asr.engine import SHORTEST_SPEECH, DecodeRow
from captioner.asr.window import MEL_HOP, PADDED, window_length
from captioner.errors import (
    Cancelled,
    CaptionerError,
    EngineFault,
    InvalidRequest,
    ResourceExhausted,
    Unavailable,
)
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE, Hypothesis
from captioner.transcription.decoding import (
    ATTEMPTS,
    LONGEST_DELAY,
    WindowReader,
    patiently,
    row_by_row,
)
from captioner.transcription.listening import PreparedWindow
from captioner.transcription.plan import PlannedUtterance, PlannedWindow
from captioner.transcription.reading import Reading

RULE = WindowRule(padded=False, silence=4.0, minimum=20.0)
LOOP = hypothesis("et voilà " * 9)
SILENCE = SAMPLE_RATE // 2  # samples between the utterances of a window
Call = Callable[[], Awaitable[Hypothesis]]
FRAMES_OF_30_S = PADDED // MEL_HOP


def prepared(*seconds: float, frames: int | None = None) -> PreparedWindow:
    """A window of utterances that last so long, `frames` long in all."""
    utterances: list[PlannedUtterance] = []
    start = 0
    for length in seconds:
        end = start + round(length * SAMPLE_RATE)
        utterances.append(PlannedUtterance(start, end, end - start))
        start = end + SILENCE * (2 + len(utterances))
    plan = PlannedWindow(tuple(utterances), (SILENCE,) * (len(utterances) - 1))
    length = frames or window_length(plan.length, RULE) // MEL_HOP
    features = np.random.default_rng(0).standard_normal((80, length)).astype(np.float32)
    row = DecodeRow(features, plan.length // MEL_HOP, language="fr", retry=False)
    return PreparedWindow(plan, row)


def reader(script: Script, metrics: Metrics | None = None) -> WindowReader:
    return WindowReader(script, RULE, metrics or Metrics())


def texts(reading: Reading) -> list[str]:
    return [" ".join(word.text for word in words) for words in reading.utterances]


def shapes(script: Script) -> list[list[int]]:
    """For each batch how many frames of speech its rows have."""
    return [[row.speech_frames for row in batch] for batch in script.batches]


# --- reading windows


async def test_windows_are_decoded_together_and_read_in_their_order() -> None:
    script = Script(hypothesis("un"), hypothesis("deux"))
    first, second = await reader(script).read([prepared(1), prepared(2)])
    assert (texts(first), texts(second)) == (["un"], ["deux"])
    assert shapes(script) == [[100, 200]]


async def test_a_doubtful_window_is_decoded_in_halves_of_one_length() -> None:
    metrics = Metrics()
    slowly = hypothesis("un deux trois quatre cinq six sept huit neuf dix", seconds=2)
    script = Script(LOOP, slowly, hypothesis("onze"))
    whole = prepared(20, 1)
    (reading,) = await reader(script, metrics).read([whole])
    assert texts(reading) == [slowly.text, "onze"]
    assert shapes(script) == [[2150], [2000, 100]]
    first, second = script.batches[1]
    assert first.features.shape == second.features.shape == (80, 2400)
    features = np.asarray(whole.row.features)
    np.testing.assert_array_equal(np.asarray(first.features)[:, :2000], features[:, :2000])
    np.testing.assert_array_equal(np.asarray(second.features)[:, :100], features[:, 2050:2150])
    assert not dropped(metrics, "loop")


async def test_only_the_doubtful_windows_of_a_batch_are_decoded_again() -> None:
    script = Script(hypothesis("un"), LOOP, hypothesis("deux"), hypothesis("trois"))
    readings = await reader(script).read([prepared(1, 1), prepared(1, 2)])
    assert [texts(each) for each in readings] == [["un", ""], ["deux", "trois"]]
    assert shapes(script) == [[250, 350], [100, 200]]


async def test_halves_that_are_doubtful_are_halved_again() -> None:
    good = [hypothesis(text) for text in ("un", "deux", "trois")]
    script = Script(LOOP, LOOP, good[2], good[0], good[1])
    (reading,) = await reader(script).read([prepared(1, 2, 1)])  # the second gap is wider
    assert texts(reading) == ["un", "deux", "trois"]
    assert shapes(script) == [[500], [350, 100], [100, 200]]


@pytest.mark.parametrize(
    "skipping",
    [
        pytest.param(hypothesis("oui", start=5, seconds=1), id="bare head"),
        pytest.param(hypothesis("oui", start=0, seconds=1), id="bare tail"),
        pytest.param(hypothesis("oui non", start=0.1, seconds=3), id="stretched words"),
    ],
)
async def test_a_window_of_which_seconds_were_skipped_is_decoded_in_halves(
    skipping: Hypothesis,
) -> None:
    script = Script(skipping, hypothesis("un deux", seconds=2), hypothesis("trois", seconds=2))
    (reading,) = await reader(script).read([prepared(3.8, 1.9)])
    assert texts(reading) == ["un deux", "trois"]


async def test_a_doubtful_utterance_is_decoded_on_the_window_the_model_was_trained_on() -> None:
    script = Script(LOOP, hypothesis("un deux", average_logprob=-0.9))
    window = prepared(3)
    (reading,) = await reader(script).read([window])
    assert texts(reading) == ["un deux"]
    (second,) = script.batches[1]
    assert second.features.shape == (80, FRAMES_OF_30_S)
    assert second.speech_frames == window.row.speech_frames


@pytest.mark.parametrize("better", [0, 1])
async def test_of_two_doubtful_hypotheses_the_likelier_is_read(better: int) -> None:
    loops = [
        hypothesis(f"{text} et voilà et voilà et voilà", average_logprob=-0.2 - (number != better))
        for number, text in enumerate(["un", "deux"])
    ]
    metrics = Metrics()
    (reading,) = await reader(Script(*loops), metrics).read([prepared(3)])
    assert texts(reading) == [["un et voilà", "deux et voilà"][better]]
    assert dropped(metrics, "loop") == 1


async def test_there_is_no_second_opinion_on_a_window_of_30_seconds() -> None:
    script = Script(LOOP)
    (reading,) = await reader(script).read([prepared(3, frames=FRAMES_OF_30_S)])
    assert texts(reading) == ["et voilà"]
    assert len(script.batches) == 1


async def test_no_half_is_too_short_for_the_aligner() -> None:
    tiny = (SHORTEST_SPEECH - 0.5) * MEL_HOP / SAMPLE_RATE
    script = Script(LOOP, hypothesis("un"))
    (reading,) = await reader(script).read([prepared(2, tiny)])
    assert texts(reading) == ["un", ""]
    assert min(row.speech_frames for row in script.rows) >= SHORTEST_SPEECH
    script = Script(LOOP, hypothesis("un"), hypothesis("deux"))
    (reading,) = await reader(script).read([prepared(2, 2 * tiny)])
    assert texts(reading) == ["un", "deux"]


async def test_what_is_dropped_is_counted() -> None:
    metrics = Metrics()
    script = Script(hypothesis("Sous-titrage ST' 501"))
    (reading,) = await reader(script, metrics).read([prepared(2)])
    assert texts(reading) == [""]
    assert reading.dropped == ("known_phrase",)
    assert dropped(metrics, "known_phrase") == 1


async def test_what_cannot_be_decoded_is_not_read() -> None:
    with pytest.raises(EngineFault):
        await reader(Script(EngineFault("failed"))).read([prepared(1)])
    with pytest.raises(EngineFault):
        await reader(Script(LOOP, EngineFault("failed"))).read([prepared(1)])


@given(st.lists(st.sampled_from([0.02, 0.5, 2.0]), min_size=1, max_size=8))
async def test_however_doubtful_everything_is_reading_ends(lengths: list[float]) -> None:
    window = prepared(*lengths)
    script = Script(otherwise=lambda row: LOOP)
    (reading,) = await reader(script).read([window])
    assert len(reading.utterances) == len(lengths)
    assert len(script.rows) <= 3 * len(lengths)
    for batch in script.batches:
        assert len({row.features.shape for row in batch}) == 1


@given(st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=1, max_size=8), st.randoms())
async def test_each_utterance_has_its_own_words_however_often_a_window_is_halved(
    lengths: list[float], chance: Random
) -> None:
    window = prepared(*lengths)
    places = [(place // MEL_HOP, number) for number, place in enumerate(window.plan.places)]
    speech = np.asarray(window.row.features)[0]

    def answer(row: DecodeRow) -> Hypothesis:
        """A loop, or for each utterance that the row begins or goes on with its number."""
        first = int(np.flatnonzero(speech == np.asarray(row.features)[0, 0])[0])
        if chance.random() < 0.4:
            return LOOP
        inside = [(at - first, n) for at, n in places if first <= at < first + row.speech_frames]
        parts = [hypothesis(f"u{n}", start=at / 100) for at, n in inside]
        words = tuple(word for part in parts for word in part.words)
        return Hypothesis(words, tuple((1,) for _ in words), -0.2, 0.0, "fr")

    (reading,) = await reader(Script(otherwise=answer)).read([window])
    for number, (text, utterance) in enumerate(
        zip(reading.utterances, window.plan.utterances, strict=True)
    ):
        if [word.text for word in text] != ["et", "voilà"]:  # what is left of a loop
            assert [(word.text, word.start) for word in text] == [(f"u{number}", utterance.start)]


def dropped(metrics: Metrics, reason: str) -> float | None:
    return metrics.registry.get_sample_value(
        "captioner_dropped_hypotheses_total", {"reason": reason}
    )


# --- rows one by one


def rows(count: int) -> list[DecodeRow]:
    """Rows that `length_in_words` answers by their length."""
    features = np.zeros((80, 2000), np.float32)
    return [DecodeRow(features, 100 + number, language="fr") for number in range(count)]


hurried = partial(row_by_row, longest_delay=0)


async def test_rows_are_decoded_at_the_same_time_and_answered_in_order() -> None:
    batch = rows(3)
    answered = {row.speech_frames: asyncio.Event() for row in batch}

    async def decode(row: DecodeRow) -> Hypothesis:
        if row is not batch[-1]:  # the last one is answered first
            await answered[row.speech_frames + 1].wait()
        answered[row.speech_frames].set()
        return length_in_words(row)

    assert await hurried(decode)(batch) == [length_in_words(row) for row in batch]


async def test_a_row_that_fails_withdraws_the_others() -> None:
    script = Script()
    script.hold = asyncio.Event()

    async def decode(row: DecodeRow) -> Hypothesis:
        if row.speech_frames == 102:
            raise InvalidRequest("bad row")
        return await script.alone(row)

    with pytest.raises(InvalidRequest):
        await hurried(decode)(rows(4))
    assert script.cancelled == len(script.batches)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_withdraws_every_row() -> None:
    script = Script()
    script.hold = asyncio.Event()
    decoding = asyncio.ensure_future(hurried(script.alone)(rows(4)))
    while len(script.batches) < 4:
        script.called.clear()
        await script.called.wait()
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding
    assert script.cancelled == 4
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_only_the_row_that_failed_is_tried_again() -> None:
    script = Script(hypothesis("un"), EngineFault("failed"), hypothesis("trois"))
    first, _, third = await hurried(script.alone)(rows(3))
    assert (first.text, third.text) == ("un", "trois")
    assert [row.speech_frames for row in script.rows] == [100, 101, 102, 101]


# --- patience


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("captioner.transcription.decoding.asyncio.sleep", sleep)
    return waited


def calls(*answers: CaptionerError | str) -> Call:
    """Something to call that answers so."""
    script = Script(*(hypothesis(each) if isinstance(each, str) else each for each in answers))
    return partial(script.alone, rows(1)[0])


async def tried(call: Call, *, longest_delay: float = LONGEST_DELAY) -> str:
    return (await patiently(call, longest_delay=longest_delay)).text


@pytest.mark.parametrize("fault", [EngineFault("failed"), Unavailable("restarting")])
async def test_what_failed_is_tried_again_later_and_later(
    delays: list[float], fault: CaptionerError
) -> None:
    assert await tried(calls(*[fault] * (ATTEMPTS - 1), "enfin")) == "enfin"
    assert delays == [1, 2, 4, 8][: ATTEMPTS - 1]


async def test_what_fails_every_time_is_given_up(delays: list[float]) -> None:
    with pytest.raises(EngineFault):
        await tried(calls(*[EngineFault("failed")] * ATTEMPTS, "enfin"))
    assert len(delays) == ATTEMPTS - 1


async def test_nobody_waits_longer_than_the_longest_delay(delays: list[float]) -> None:
    patient = EngineFault("failed")
    patient.retry_after = 100
    await tried(calls(patient, "enfin"))
    await tried(calls(patient, "enfin"), longest_delay=3)
    assert delays == [LONGEST_DELAY, 3]


async def test_a_full_queue_is_waited_for_however_long_it_takes(delays: list[float]) -> None:
    full = ResourceExhausted("full", retry_after=7)
    fault = EngineFault("failed")
    found = await tried(calls(*[full] * 40, *[fault, full] * (ATTEMPTS - 1), "enfin"))
    assert found == "enfin"
    assert delays.count(7) == 40 + ATTEMPTS - 1


@pytest.mark.parametrize("error", [Cancelled("withdrawn"), InvalidRequest("bad row")])
async def test_what_will_not_pass_is_not_tried_again(
    delays: list[float], error: CaptionerError
) -> None:
    with pytest.raises(type(error)):
        await tried(calls(error, "enfin"))
    assert delays == []
