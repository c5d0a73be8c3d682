"""Who a real service lets in; the engine is a scripted one."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
from rpc_fakes import live_config, settings_with

from captioner.asr.scripted import ScriptedEngine
from captioner.errors import ResourceExhausted
from captioner.live import Captioned, Ended, Started
from captioner.resume import ResumeTokens
from captioner.service import CaptionService
from captioner.sessions import LiveSession
from captioner.transcript import SAMPLE_RATE

SENTENCE = Path(__file__).parents[1] / "examples" / "audio" / "sentences" / "000.flac"


def full_service() -> CaptionService:
    return CaptionService(settings_with(max_sessions=1), engine_factory=ScriptedEngine)


async def token_of(session: LiveSession) -> str:
    async for event in session.events():
        if isinstance(event, Started):
            return event.resume_token
    raise AssertionError("a session begins with `Started`")


async def test_one_more_than_there_is_room_for_is_refused_and_counted() -> None:
    async with full_service() as service:
        await service.open(live_config(track="un"))
        with pytest.raises(ResourceExhausted, match="1 sessions"):
            await service.open(live_config(track="deux"))
        refused = service.metrics.registry.get_sample_value(
            "captioner_refused_sessions_total", {"reason": "ResourceExhausted"}
        )
        assert refused == 1


async def test_who_comes_back_keeps_the_place_in_a_full_replica() -> None:
    async with full_service() as service:
        session = await service.open(live_config(track="un"))
        token = await token_of(session)
        await session.detach()
        back = await service.open(live_config(track="un", resume_token=token))
        assert back.id == session.id
        await back.end()
        assert isinstance([event async for event in back.events()][-1], Ended)


async def test_the_token_of_a_final_knows_how_loud_the_speaker_is() -> None:
    spoken, _ = soundfile.read(SENTENCE, dtype="int16")
    async with full_service() as service:
        session = await service.open(live_config(track="un"))
        await session.audio(spoken.tobytes())
        await session.end()
        told = [event async for event in session.events() if isinstance(event, Captioned)]
    assert ResumeTokens().read(told[-1].resume_token).speaker_power > 0.001


async def test_speech_is_counted_when_an_utterance_ends_and_once() -> None:
    spoken, _ = soundfile.read(SENTENCE, dtype="int16")

    def counted() -> float | None:
        return service.metrics.registry.get_sample_value("captioner_speech_seconds_total")

    async with full_service() as service:
        session = await service.open(live_config(track="un"))
        await session.audio(spoken.tobytes())
        await session.flush()
        assert counted()
        assert not session.over
        await session.end()
        (ended,) = [event async for event in session.events() if isinstance(event, Ended)]
        assert counted() == pytest.approx(ended.speech / SAMPLE_RATE)
        assert ended.speech > SAMPLE_RATE


async def test_a_new_writer_of_a_track_takes_the_place_of_the_one_before() -> None:
    async with full_service() as service:
        first = await service.open(live_config(track="un"))
        second = await service.open(live_config(track="un"))
        assert second.id != first.id
        assert service.capacity.sessions == 1
