from __future__ import annotations

import pytest
from figures import score_run
from meter import Usage
from recordings import Take
from rpc_fakes import EchoService, client_of, spoken
from tracks import play_tracks, staggered

from captioner.asr.scripted import ScriptedEngine
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.errors import InvalidRequest, ResourceExhausted
from captioner.evaluation.truth import TimedWord
from captioner.live import Mode
from captioner.service import CaptionService

WORDS = tuple(
    TimedWord(f"m{number}", end - 0.1, end)
    for number, end in ((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5))
)
TAKE = Take("prise", spoken(1, 2, 0, 3, 4), WORDS)


async def test_a_track_logs_what_was_shown_and_what_is_final() -> None:
    async with EchoService() as service, client_of(service) as client:
        [log] = await play_tracks(
            client, [TAKE], mode=Mode.REVISABLE, starts=[0.0], clock=SystemClock()
        )
    assert log.ended
    assert (log.refused, log.problem, log.gaps, log.reconnections) == ("", "", 0, 0)
    assert [final.text for final in log.finals] == ["m1 m2", "m3 m4"]
    assert log.displays[-1].words == ("m1", "m2", "m3", "m4")
    assert len(log.lateness) == 5  # one for each message of 100 ms
    assert min(log.lateness) >= 0  # never sent before it would have been captured


async def test_figures_of_a_service_that_hears_every_word() -> None:
    async with EchoService() as service, client_of(service) as client:
        logs = await play_tracks(
            client, [TAKE, TAKE], mode=Mode.REVISABLE, starts=[0.0, 0.1], clock=SystemClock()
        )
    run = score_run(logs, Usage())
    assert run.summary.wer == 0
    assert run.summary.tail_words == 0
    assert run.word_times is not None
    assert run.word_times.end_p50 < 1e-6
    assert len(run.scores[1].displayed) == 4
    assert not run.losses.any


async def test_a_track_that_is_not_taken_is_counted_and_told() -> None:
    async with EchoService() as service, client_of(service) as client:
        service.open_error = ResourceExhausted("the replica is full")
        [log] = await play_tracks(
            client, [TAKE], mode=Mode.REVISABLE, starts=[0.0], clock=SystemClock()
        )
    assert "full" in log.refused
    assert not log.problem
    assert score_run([log], Usage()).losses.refused == 1


async def test_a_track_that_breaks_off_is_counted_and_told() -> None:
    async with EchoService() as service, client_of(service) as client:
        service.audio_error = InvalidRequest("bad audio", field="audio")
        [log] = await play_tracks(
            client, [TAKE], mode=Mode.REVISABLE, starts=[0.0], clock=SystemClock()
        )
    assert "bad audio" in log.problem
    assert not log.ended
    assert score_run([log], Usage()).losses.broken == 1


async def test_the_whole_service_around_a_scripted_engine_can_be_measured() -> None:
    settings = Settings(listen="127.0.0.1:0", http_listen="")
    take = Take("silence", bytes(2 * 16_000), ())
    service = CaptionService(settings, engine_factory=ScriptedEngine)
    async with service, client_of(service) as client:
        logs = await play_tracks(
            client, [take], mode=Mode.APPEND_ONLY, starts=[0.0], clock=SystemClock()
        )
    assert score_run(logs, Usage()).words_on_noise == 0
    assert logs[0].ended


@pytest.mark.parametrize("tracks", [1, 2, 7, 8, 64])
def test_tracks_start_apart_and_within_five_seconds(tracks: int) -> None:
    starts = staggered(tracks)
    assert starts[0] == 0
    assert len(set(starts)) == tracks
    assert max(starts) < 5


def test_a_stagger_that_is_asked_for_is_kept() -> None:
    assert staggered(3, 10.0) == [0.0, 10.0, 20.0]
