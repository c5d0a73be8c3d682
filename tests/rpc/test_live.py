"""The StreamCaptions call over a real connection: order of messages, limits, ways to end."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from rpc_calls import RawCall
from rpc_fakes import EchoService, live_config, settings_with, spoken

from captioner import errors
from captioner.live import Mode
from captioner.rpc import convert
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.server import RpcServer
from captioner.rpc.status import from_rpc_error

TIMEOUT = 10.0  # seconds: when a test has failed


async def within(awaitable: Any) -> Any:
    async with asyncio.timeout(TIMEOUT):
        return await awaitable


def audio(*numbers: int, offset: int | None = None) -> pb.AudioChunk:
    chunk = pb.AudioChunk(data=spoken(*numbers))
    if offset is not None:
        chunk.sample_offset = offset
    return chunk


def kinds(responses: list[pb.StreamCaptionsResponse]) -> list[str | None]:
    return [response.WhichOneof("response") for response in responses]


def finals(responses: list[pb.StreamCaptionsResponse]) -> list[str]:
    return [response.caption.text for response in responses if response.caption.final]


async def test_a_track_goes_from_config_to_ended(raw_call: RawCall) -> None:
    started = await raw_call.configure()
    assert started.session_id
    assert started.provenance.machine_generated
    assert started.limits.max_message_bytes == 65_536
    await raw_call.send(audio=audio(1, 2, 0))
    await raw_call.send(end_of_stream=pb.EndOfStream())
    responses = await raw_call.rest()
    assert kinds(responses) == [
        "speech_started",
        "caption",
        "caption",
        "caption",
        "speech_ended",
        "progress",
        "ended",
    ]
    assert finals(responses) == ["m1 m2"]
    assert responses[-1].ended.words == 2


async def test_the_last_words_before_the_end_are_final(raw_call: RawCall) -> None:
    await raw_call.configure()
    await raw_call.send(audio=audio(1, 2))
    await raw_call.send(end_of_stream=pb.EndOfStream())
    assert finals(await raw_call.rest()) == ["m1 m2"]


async def test_everything_a_client_sends_reaches_the_session(
    raw_call: RawCall, service: EchoService
) -> None:
    await raw_call.configure(live_config(key_terms=("Visio",), mode=Mode.APPEND_ONLY))
    await raw_call.send(keepalive=pb.Keepalive())
    await raw_call.send(keepalive=pb.Keepalive(capture_position=convert.duration(16_001)))
    await raw_call.send(update=pb.UpdateConfig(language="en"))
    await raw_call.send(update=pb.UpdateConfig(key_terms=["DINUM"], replace_key_terms=True))
    await raw_call.send(audio=audio(1))
    await raw_call.send(flush=pb.Flush())
    await raw_call.send(end_of_stream=pb.EndOfStream())
    assert finals(await raw_call.rest()) == ["m1"]
    [session] = service.opened
    assert session.config == live_config(key_terms=("Visio",), mode=Mode.APPEND_ONLY)
    assert session.keepalives == [None, 16_001]
    assert session.updates == [("en", None), (None, ("DINUM",))]


async def test_a_hole_in_the_audio_is_told(raw_call: RawCall) -> None:
    await raw_call.configure()
    await raw_call.send(audio=audio(1))
    await raw_call.send(audio=audio(2, offset=48_000))
    await raw_call.send(end_of_stream=pb.EndOfStream())
    [gap] = [it.gap for it in await raw_call.rest() if it.HasField("gap")]
    assert (convert.samples(gap.start), convert.samples(gap.end)) == (1_600, 48_000)


async def test_word_times_come_when_asked_for(raw_call: RawCall) -> None:
    await raw_call.configure(live_config(word_times=True))
    await raw_call.send(audio=audio(1, 2, 0))
    await raw_call.send(end_of_stream=pb.EndOfStream())
    [final] = [it.caption for it in await raw_call.rest() if it.caption.final]
    assert [word.text for word in final.words] == ["m1", "m2"]


async def test_the_time_of_capture_is_the_time_of_arrival_when_not_given(
    raw_call: RawCall, service: EchoService
) -> None:
    await raw_call.configure(live_config(capture_time=1_000.0))
    await raw_call.send(audio=audio(0, 1, 0))
    await raw_call.send(end_of_stream=pb.EndOfStream())
    [final] = [it.caption for it in await raw_call.rest() if it.caption.final]
    assert final.start_time.ToNanoseconds() == 1_000_100_000_000


# --- Refusals: one for each row of the table of statuses


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidRequest("bad", field="language"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.UnsupportedAudio("bad", field="audio"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.PermissionDenied("not this room"), grpc.StatusCode.PERMISSION_DENIED),
        (errors.ResourceExhausted("full", retry_after=2), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.Unavailable("draining", retry_after=2), grpc.StatusCode.UNAVAILABLE),
        (errors.EngineFault("restarting", retry_after=2), grpc.StatusCode.UNAVAILABLE),
        (errors.ResumeExpired("gone"), grpc.StatusCode.FAILED_PRECONDITION),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_a_refusal_of_the_service_reaches_the_client_whole(
    raw_call: RawCall,
    service: EchoService,
    error: errors.CaptionerError,
    code: grpc.StatusCode,
) -> None:
    service.open_error = error
    await raw_call.send(config=convert.stream_config(live_config()))
    failure = await raw_call.failure()
    assert failure.code() is code
    received = from_rpc_error(failure)
    assert type(received) is type(error)
    assert vars(received) == vars(error)


@pytest.mark.parametrize(
    ("request_", "text", "field"),
    [
        ({"audio": pb.AudioChunk(data=b"ab")}, "audio came before config", "config"),
        ({"end_of_stream": pb.EndOfStream()}, "end_of_stream came before config", "config"),
        ({}, "an empty request came before config", "config"),
        ({"config": pb.StreamConfig()}, "room has 0 characters, expected 1 to 128", "room"),
    ],
)
async def test_a_first_message_that_is_not_a_config_is_refused(
    raw_call: RawCall, request_: dict[str, Any], text: str, field: str
) -> None:
    await raw_call.send(**request_)
    failure = await raw_call.failure()
    assert (failure.code(), failure.details()) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    received = from_rpc_error(failure)
    assert isinstance(received, errors.InvalidRequest)
    assert received.violations[0].field == field


async def test_a_stream_that_ends_before_its_config_is_refused(raw_call: RawCall) -> None:
    await raw_call.call.done_writing()
    assert (await raw_call.failure()).code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"config": convert.stream_config(live_config())}, "config came twice"),
        ({}, "the request is empty"),
        ({"audio": pb.AudioChunk(data=b"abc")}, "3 bytes are not whole samples"),
        (
            {"audio": pb.AudioChunk(data=bytes(32_002))},
            "1.000 s of audio in a message, expected no more than 1 s",
        ),
        (
            {"update": pb.UpdateConfig(key_terms=["x"] * 101, replace_key_terms=True)},
            "101 key terms, expected no more than 100",
        ),
    ],
)
async def test_a_wrong_message_ends_the_call_and_leaves_the_session_resumable(
    raw_call: RawCall, service: EchoService, request_: dict[str, Any], text: str
) -> None:
    await raw_call.configure()
    await raw_call.send(**request_)
    failure = await raw_call.failure()
    assert (failure.code(), failure.details()) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    assert service.opened[0].detached.is_set()


async def test_a_message_beyond_64_kib_is_refused_by_the_transport(raw_call: RawCall) -> None:
    await raw_call.configure(live_config())
    await raw_call.send(audio=pb.AudioChunk(data=bytes(80_000)))
    assert (await raw_call.failure()).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_audio_beyond_the_burst_is_refused(raw_call: RawCall, service: EchoService) -> None:
    service.audio_error = errors.TooFast("10.5 s ahead of real time", retry_after=0.5)
    await raw_call.configure()
    await raw_call.send(audio=audio(1))
    failure = await raw_call.failure()
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert isinstance(from_rpc_error(failure), errors.TooFast)


@pytest.mark.parametrize("fault", [RuntimeError("le texte dit"), KeyError("le texte dit")])
async def test_a_fault_tells_the_client_an_opaque_identifier_and_nothing_else(
    raw_call: RawCall, service: EchoService, fault: Exception
) -> None:
    service.audio_error = fault
    await raw_call.configure()
    await raw_call.send(audio=audio(1))
    failure = await raw_call.failure()
    assert failure.code() is grpc.StatusCode.INTERNAL
    text = failure.details() or ""
    assert text.startswith("internal error ")
    assert "texte" not in text
    assert "Error" not in text
    assert service.opened[0].detached.is_set()


async def test_an_error_of_one_call_does_not_disturb_another(
    raw_call: RawCall, channel: grpc.aio.Channel
) -> None:
    other = RawCall(channel)
    await raw_call.configure()
    await other.configure()
    await other.send(audio=pb.AudioChunk(data=b"abc"))
    assert (await other.failure()).code() is grpc.StatusCode.INVALID_ARGUMENT
    await raw_call.send(audio=audio(1, 0))
    await raw_call.send(end_of_stream=pb.EndOfStream())
    assert finals(await raw_call.rest()) == ["m1"]


# --- Time limits


class TestWithShortLimits:
    @pytest.fixture
    def service(self) -> EchoService:
        return EchoService(settings_with(config_timeout=0.2, idle_timeout=0.2))

    async def test_a_config_that_does_not_come_is_not_waited_for(self, raw_call: RawCall) -> None:
        failure = await within(raw_call.failure())
        assert failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert failure.details() == "no config within 0.2 s"

    async def test_a_stream_without_a_sign_of_life_ends_and_stays_resumable(
        self, raw_call: RawCall, service: EchoService
    ) -> None:
        await raw_call.configure()
        failure = await within(raw_call.failure())
        assert failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert failure.details() == "neither audio nor keepalive for 0.2 s"
        assert service.opened[0].detached.is_set()


# --- Ways to lose a client


async def test_an_end_without_end_of_stream_leaves_the_session_resumable(
    raw_call: RawCall, service: EchoService
) -> None:
    await raw_call.configure()
    await raw_call.send(audio=audio(1))
    await raw_call.call.done_writing()
    failure = await raw_call.failure()
    assert failure.code() is grpc.StatusCode.CANCELLED
    assert "end_of_stream" in (failure.details() or "")
    assert service.opened[0].detached.is_set()


async def test_a_cancelled_call_leaves_the_session_resumable(
    raw_call: RawCall, service: EchoService
) -> None:
    await raw_call.configure()
    raw_call.call.cancel()
    await within(service.opened[0].detached.wait())


async def test_a_closed_channel_leaves_the_session_resumable(
    server: RpcServer, service: EchoService
) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = RawCall(channel)
        await call.configure()
        await call.send(audio=audio(1))
    await within(service.opened[0].detached.wait())


async def test_a_finished_session_is_not_detached(raw_call: RawCall, service: EchoService) -> None:
    await raw_call.configure()
    await raw_call.send(end_of_stream=pb.EndOfStream())
    await raw_call.rest()
    assert not service.opened[0].detached.is_set()


# --- Resume


async def test_a_resumed_session_goes_on_where_its_last_final_ended(
    raw_call: RawCall, channel: grpc.aio.Channel
) -> None:
    await raw_call.configure()
    await raw_call.send(audio=audio(1, 0, 2))
    token = ""
    while not token:
        token = (await raw_call.call.read()).caption.resume_token
    raw_call.call.cancel()
    again = RawCall(channel)
    started = await again.configure(live_config(resume_token=token))
    assert started.resume_from_sample == 3_200
    assert started.next_caption_id == 2
    assert started.limits.max_burst.seconds == 10 + 10
    await again.send(audio=audio(2, 3, 0, offset=3_200))
    await again.send(end_of_stream=pb.EndOfStream())
    assert finals(await again.rest()) == ["m2 m3"]


async def test_the_newer_of_two_streams_of_a_session_evicts_the_older(
    raw_call: RawCall, channel: grpc.aio.Channel, service: EchoService
) -> None:
    started = await raw_call.configure()
    newer = RawCall(channel)
    await newer.configure(live_config(resume_token=started.resume_token))
    failure = await raw_call.failure()
    assert failure.code() is grpc.StatusCode.ABORTED
    assert not service.opened[0].detached.is_set()  # it is the newer stream's now
    await newer.send(end_of_stream=pb.EndOfStream())
    assert kinds(await newer.rest()) == ["ended"]


# --- Drain


async def test_a_drained_session_gets_reconnect_and_its_final_and_unavailable(
    raw_call: RawCall, service: EchoService
) -> None:
    await raw_call.configure()
    await raw_call.send(audio=audio(1, 2))
    await within(service.heard.wait())
    await service.drain()
    responses: list[pb.StreamCaptionsResponse] = []
    assert (await raw_call.failure(responses)).code() is grpc.StatusCode.UNAVAILABLE
    assert "reconnect" in kinds(responses)
    assert finals(responses) == ["m1 m2"]
