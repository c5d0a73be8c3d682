"""The real service with a scripted engine and real speech, over real connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import soundfile
import structlog
from rpc_calls import RawCall
from rpc_fakes import live_config, settings_with

from captioner import live, logs
from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import ScriptedEngine, steady_words
from captioner.clock import Clock, ManualClock
from captioner.errors import InvalidRequest, UnsupportedAudio
from captioner.live import Mode
from captioner.rpc.client import CaptionerClient, CaptionStream, Patience
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.server import RpcServer
from captioner.service import CaptionService
from captioner.transcript import Hypothesis
from captioner.transcription.events import RecordingEnded, RecordingSegment

TIMEOUT = 30.0  # seconds: when a test has failed
PATIENCE = Patience(keepalive=0.2)
CANARY = "perroquet"
SECOND = 2 * 16_000  # bytes


@pytest.fixture
def speech(recordings: Path) -> bytes:
    """Two sentences with a second of silence around them: 8 s at most, less than the burst."""
    parts = [bytes(SECOND // 2)]
    for name in ("000", "001"):
        samples, rate = soundfile.read(recordings / "sentences" / f"{name}.flac", dtype="int16")
        assert rate == 16_000
        parts += [samples[: 3 * rate].tobytes(), bytes(SECOND)]
    return b"".join(parts)


class Replica:
    """One server over the real service."""

    def __init__(
        self,
        address: str = "127.0.0.1:0",
        *,
        clock: Clock | None = None,
        answer: Callable[[DecodeRow], Hypothesis] = steady_words,
    ) -> None:
        self.service = CaptionService(
            settings_with(listen=address),
            engine_factory=lambda: ScriptedEngine(answer),
            clock=clock,
        )
        self.server = RpcServer(self.service)
        self.killed = False

    async def start(self) -> Replica:
        await self.server.start()
        await self.service.__aenter__()
        return self

    async def kill(self) -> None:
        if not self.killed:
            self.killed = True
            await self.server.stop(0)
            await self.service.__aexit__()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"


Start = Callable[..., Awaitable[Replica]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts replicas that do not outlive the test."""
    replicas: list[Replica] = []

    async def start(address: str = "127.0.0.1:0", **options: Any) -> Replica:
        replicas.append(Replica(address, **options))
        return await replicas[-1].start()

    yield start
    for replica in replicas:
        await replica.kill()


@pytest.fixture
async def replica(start: Start) -> Replica:
    return await start()


@pytest.fixture
async def client(replica: Replica) -> AsyncIterator[CaptionerClient]:
    async with CaptionerClient(replica.address, patience=PATIENCE) as client:
        yield client


async def feed(stream: CaptionStream, audio: bytes) -> None:
    for start in range(0, len(audio), SECOND // 10):
        await stream.send(audio[start : start + SECOND // 10])


async def captioned(
    client: CaptionerClient, audio: bytes, **options: object
) -> tuple[list[live.Event], CaptionStream]:
    async with asyncio.timeout(TIMEOUT), client.stream(live_config(**options)) as stream:
        await feed(stream, audio)
        await stream.end()
        return [event async for event in stream], stream


def finals(events: list[live.Event]) -> list[tuple[int, str, int, int]]:
    captions = [event.caption for event in events if isinstance(event, live.Captioned)]
    return [(it.id, it.text, it.start, it.end) for it in captions if it.final]


async def test_speech_becomes_finals_in_order(client: CaptionerClient, speech: bytes) -> None:
    events, _ = await captioned(client, speech)
    assert isinstance(events[0], live.Started)
    assert isinstance(events[-1], live.Ended)
    said = finals(events)
    assert [identifier for identifier, *_ in said] == list(range(1, len(said) + 1))
    assert len(said) >= 2
    assert all(0 <= start < end <= len(speech) // 2 for _, _, start, end in said)


async def test_silence_is_never_captioned(client: CaptionerClient) -> None:
    events, _ = await captioned(client, bytes(3 * SECOND))
    assert finals(events) == []


async def test_a_flush_finalizes_in_mid_sentence(client: CaptionerClient, speech: bytes) -> None:
    async with asyncio.timeout(TIMEOUT), client.stream(live_config()) as stream:
        await feed(stream, speech[: 2 * SECOND])
        await stream.flush()
        [(_, text, _, _)] = finals(await until_final(stream))
    assert text


async def test_appended_text_is_the_transcript(client: CaptionerClient, speech: bytes) -> None:
    events, _ = await captioned(client, speech, mode=Mode.APPEND_ONLY)
    captions = [event.caption for event in events if isinstance(event, live.Captioned)]
    appended = "".join(caption.appended for caption in captions)
    assert appended.split() == " ".join(it.text for it in captions if it.final).split()


async def test_a_server_that_dies_in_mid_sentence_gives_the_finals_of_one_that_lives(
    client: CaptionerClient, replica: Replica, start: Start, speech: bytes
) -> None:
    undisturbed, _ = await captioned(client, speech)
    cut = int(5.3 * SECOND) // 2 * 2  # inside the second sentence, after the first final
    async with asyncio.timeout(TIMEOUT), client.stream(live_config()) as stream:
        await feed(stream, speech[:cut])
        heard = await until_final(stream)
        await replica.kill()
        await start(replica.address)
        await feed(stream, speech[cut:])
        await stream.end()
        heard += [event async for event in stream]
    assert finals(heard) == finals(undisturbed)
    assert not [event for event in heard if isinstance(event, live.Gap)]
    assert stream.reconnections == 1


async def until_final(stream: CaptionStream) -> list[live.Event]:
    events = []
    async for event in stream:
        events.append(event)
        if isinstance(event, live.Captioned) and event.caption.final:
            break
    return events


async def test_a_drained_server_gives_its_finals_and_hands_the_session_over(
    client: CaptionerClient, replica: Replica, start: Start, speech: bytes
) -> None:
    cut = 2 * SECOND
    async with asyncio.timeout(TIMEOUT), client.stream(live_config()) as stream:
        await feed(stream, speech[:cut])
        heard: list[live.Event] = []
        async for event in stream:
            heard.append(event)
            if isinstance(event, live.Captioned):
                break
        draining = asyncio.create_task(replica.service.drain())
        if not finals(heard):  # a slow reader misses interims
            heard += await until_final(stream)
        await draining
        await replica.kill()
        await start(replica.address)
        await feed(stream, speech[cut:])
        await stream.end()
        heard += [event async for event in stream]
    said = finals(heard)
    assert [identifier for identifier, *_ in said] == list(range(1, len(said) + 1))
    assert len(said) >= 2
    assert not [event for event in heard if isinstance(event, live.Gap)]


async def test_a_restart_an_hour_after_the_last_final_goes_on(start: Start, speech: bytes) -> None:
    first_clock, second_clock = ManualClock(), ManualClock()
    first = await start(clock=first_clock)
    async with (
        asyncio.timeout(5),
        CaptionerClient(first.address, patience=PATIENCE) as client,
        client.stream(live_config()) as stream,
    ):
        await feed(stream, speech[: int(4.4 * SECOND)])
        heard = await until_final(stream)
        first_clock.advance(3600)
        await stream.send(bytes(SECOND), offset=3600 * 16_000)
        await first.kill()
        await start(first.address, clock=second_clock)
        await feed(stream, speech)
        await stream.end()
        heard += [event async for event in stream]
    assert len(finals(heard)) >= 3


async def test_a_wrong_odd_message_does_not_disturb_the_neighbour(
    replica: Replica, client: CaptionerClient, speech: bytes
) -> None:
    async with grpc.aio.insecure_channel(replica.address) as channel:
        bad = RawCall(channel)
        await bad.configure(live_config(track="autre"))
        neighbour = asyncio.create_task(captioned(client, speech))
        await bad.send(audio=pb.AudioChunk(data=b"abc"))
        failure = await bad.failure()
        assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "3 bytes" in (failure.details() or "")
        events, _ = await neighbour
    assert len(finals(events)) >= 2


async def test_what_only_the_service_can_refuse_is_refused_with_its_field(
    replica: Replica,
) -> None:
    async with grpc.aio.insecure_channel(replica.address) as channel:
        call = RawCall(channel)
        from captioner.rpc import convert
        from captioner.rpc.status import from_rpc_error

        await call.send(config=convert.stream_config(live_config(language="xx")))
        error = from_rpc_error(await call.failure())
    assert isinstance(error, InvalidRequest)
    assert error.violations[0].field == "language"


def canary_words(row: DecodeRow) -> Hypothesis:
    """Every word is the canary."""
    heard = steady_words(row)
    return replace(heard, words=tuple(replace(word, text=CANARY) for word in heard.words))


async def test_no_log_of_the_whole_service_holds_what_was_said(
    speech: bytes, capsys: pytest.CaptureFixture[str], start: Start
) -> None:
    logs.configure("debug", "json")
    try:
        replica = await start(answer=canary_words)
        async with CaptionerClient(replica.address) as client:
            events, _ = await captioned(
                client, speech, key_terms=(CANARY,), speaker_name=CANARY, room=CANARY
            )
        await replica.kill()
    finally:
        logging.getLogger().handlers.clear()
        structlog.reset_defaults()
    assert CANARY in str(finals(events))  # it did pass through
    captured = capsys.readouterr()
    written = captured.out + captured.err
    assert "call ended" in written
    assert CANARY not in written


async def test_audio_beyond_the_burst_is_refused(replica: Replica) -> None:
    async with grpc.aio.insecure_channel(replica.address) as channel:
        call = RawCall(channel)
        await call.configure()
        for _ in range(12):
            await call.send(audio=pb.AudioChunk(data=bytes(SECOND)))
        failure = await call.failure()
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "ahead of real time" in (failure.details() or "")


async def test_a_second_writer_of_a_track_evicts_the_first(replica: Replica) -> None:
    async with grpc.aio.insecure_channel(replica.address) as channel:
        first, second = RawCall(channel), RawCall(channel)
        await first.configure()
        await second.configure()
        assert (await first.failure()).code() is grpc.StatusCode.ABORTED
        await second.send(end_of_stream=pb.EndOfStream())
        assert (await second.rest())[-1].HasField("ended")


async def test_a_recording_is_transcribed(client: CaptionerClient, recordings: Path) -> None:
    path = recordings / "sentences" / "000.flac"
    async with asyncio.timeout(TIMEOUT):
        events = [event async for event in client.transcribe(path)]
    segments = [event for event in events if isinstance(event, RecordingSegment)]
    assert [segment.id for segment in segments] == list(range(1, len(segments) + 1))
    assert segments[0].words
    assert isinstance(events[-1], RecordingEnded)
    assert events[-1].segments == len(segments)


@pytest.mark.parametrize("content", [b"RIFF\x00\x00", b"\x00" * 5_000, b"fLaC" + b"\xff" * 5_000])
async def test_a_file_that_is_no_recording_is_refused(
    client: CaptionerClient, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    async with asyncio.timeout(TIMEOUT):
        with pytest.raises(UnsupportedAudio):
            async for _ in client.transcribe(path):
                pass
