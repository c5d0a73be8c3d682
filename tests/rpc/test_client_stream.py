"""The client's stream over a real connection that is cut in every way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from rpc_fakes import BLOCK, EchoService, live_config, settings_with, spoken

from captioner import errors, live
from captioner.audio.format import AudioFormat, Encoding
from captioner.config import Settings
from captioner.live import Mode
from captioner.rpc.client import CaptionerClient, CaptionStream, Patience
from captioner.rpc.server import RpcServer

TIMEOUT = 20.0  # seconds: when a test has failed
PATIENCE = Patience(connect=5.0, keepalive=0.1, drain=2.0)


class Replica:
    """A server that can be killed and replaced on the same port."""

    def __init__(self, settings: Settings, *, key: bytes = b"key") -> None:
        self.service = EchoService(settings, key=key)
        self.server = RpcServer(self.service)
        self._successors: list[Replica] = []

    async def start(self) -> int:
        await self.server.start()
        await self.service.__aenter__()
        return self.server.port

    async def kill(self) -> None:
        await self.server.stop(0)

    async def kill_all(self) -> None:
        await self.kill()
        for successor in self._successors:
            await successor.kill_all()

    async def replaced(
        self, *, key: bytes = b"key", foreign_token: errors.CaptionerError | None = None
    ) -> Replica:
        """Another one on the same port, that knows nothing of this one."""
        await self.kill()
        address = f"127.0.0.1:{self.server.port}"
        other = Replica(settings_with(listen=address), key=key)
        other.service.foreign_token = foreign_token or other.service.foreign_token
        self._successors.append(other)
        await other.start()
        return other


@pytest.fixture
async def replica() -> AsyncIterator[Replica]:
    replica = Replica(settings_with())
    await replica.start()
    yield replica
    await replica.kill_all()


@pytest.fixture
async def client(replica: Replica) -> AsyncIterator[CaptionerClient]:
    async with CaptionerClient(f"127.0.0.1:{replica.server.port}", patience=PATIENCE) as client:
        yield client


class Listener:
    """Reads a stream from its start and keeps everything."""

    def __init__(self, stream: CaptionStream) -> None:
        self.events: list[live.Event] = []
        self._arrived = asyncio.Condition()
        self._task = asyncio.create_task(self._listen(stream))

    async def _listen(self, stream: CaptionStream) -> None:
        async for event in stream:
            async with self._arrived:
                self.events.append(event)
                self._arrived.notify_all()

    async def until(self, text: str, *, final: bool = False) -> None:
        """Wait for a caption that ends with `text`."""
        async with asyncio.timeout(TIMEOUT), self._arrived:
            await self._arrived.wait_for(lambda: self._ends_with(text, final=final))

    def _ends_with(self, text: str, *, final: bool) -> bool:
        return any(it.text.endswith(text) and (it.final or not final) for it in self.captions)

    async def heard(self, position: int) -> None:
        """Wait for the progress that tells of everything before `position`."""
        async with asyncio.timeout(TIMEOUT), self._arrived:
            await self._arrived.wait_for(
                lambda: any(
                    isinstance(it, live.Progress) and it.received >= position for it in self.events
                )
            )

    async def done(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            await self._task

    @property
    def captions(self) -> list[Any]:
        return [event.caption for event in self.events if isinstance(event, live.Captioned)]

    @property
    def finals(self) -> list[tuple[int, str]]:
        return [(it.id, it.text) for it in self.captions if it.final]

    @property
    def gaps(self) -> list[live.Gap]:
        return [event for event in self.events if isinstance(event, live.Gap)]


async def finish(stream: CaptionStream, listener: Listener) -> None:
    async with asyncio.timeout(TIMEOUT):
        await stream.end()
    await listener.done()


# --- An undisturbed stream


async def test_events_come_from_started_to_ended(client: CaptionerClient) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1, 2, 0, 3))
        await finish(stream, listener)
    assert isinstance(listener.events[0], live.Started)
    assert listener.finals == [(1, "m1 m2"), (2, "m3")]
    assert listener.events[-1] == live.Ended(audio=4 * BLOCK, speech=3 * BLOCK, captions=2, words=3)
    assert stream.reconnections == 0


async def test_events_can_be_read_after_the_end(client: CaptionerClient) -> None:
    async with client.stream(live_config()) as stream:
        await stream.send(spoken(1, 0))
        await stream.end()
        events = [event async for event in stream]
    assert isinstance(events[-1], live.Ended)


async def test_audio_cut_in_any_way_arrives_whole(client: CaptionerClient) -> None:
    audio = spoken(1, 2, 3, 0, 4, 5, 0)
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        for start in range(0, len(audio), 1_234):
            await stream.send(audio[start : start + 1_234])
        await finish(stream, listener)
    assert listener.finals == [(1, "m1 m2 m3"), (2, "m4 m5")]


async def test_flush_and_update_reach_the_session(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1))
        await stream.flush()
        await listener.until("m1")
        await stream.update(language="en", key_terms=("Visio",))
        await stream.update(language="fr")
        await stream.send(spoken(2))
        await finish(stream, listener)
    assert listener.finals == [(1, "m1"), (2, "m2")]
    assert replica.service.opened[0].updates == [("en", ("Visio",)), ("fr", None)]


async def test_a_hole_told_by_the_application_is_a_gap(client: CaptionerClient) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1))
        await stream.send(spoken(2), offset=48_000)
        await finish(stream, listener)
    assert listener.gaps == [live.Gap(BLOCK, 48_000)]


async def test_a_muted_stream_gives_signs_of_life(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream, asyncio.timeout(TIMEOUT):
        [session] = replica.service.opened
        while len(session.keepalives) < 3:
            replica.service.heard.clear()
            await replica.service.heard.wait()
        await stream.mute(32_000)
        while session.keepalives[-1] is None:
            replica.service.heard.clear()
            await replica.service.heard.wait()
    assert session.keepalives[-1] == 32_000


async def test_audio_faster_than_real_time_waits_in_send(client: CaptionerClient) -> None:
    async with client.stream(live_config()) as stream:
        await stream.send(bytes(2 * 16_000 * 9))  # the burst that is allowed
        sending = asyncio.create_task(stream.send(bytes(2 * 16_000)))
        await asyncio.wait([sending], timeout=0.2)
        assert not sending.done()
        sending.cancel()


async def test_a_minute_sent_at_once_does_not_push_its_own_beginning_out(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        sending = asyncio.create_task(stream.send(spoken(*[7] * 600)))
        session = replica.service.opened[0]
        async with asyncio.timeout(TIMEOUT):
            while session.position < 16_000 * 5:
                replica.service.heard.clear()
                await replica.service.heard.wait()
        assert stream._buffer.start == 0
        sending.cancel()


async def test_half_a_sample_is_refused_by_the_client(client: CaptionerClient) -> None:
    async with client.stream(live_config()) as stream:
        with pytest.raises(ValueError, match="3 bytes are not whole samples"):
            await stream.send(b"abc")


async def test_nothing_can_be_sent_after_the_end(client: CaptionerClient) -> None:
    stream = client.stream(live_config())
    with pytest.raises(ValueError, match="not opened"):
        await stream.send(spoken(1))
    async with stream:
        await stream.end()
        with pytest.raises(ValueError, match="ended"):
            await stream.send(spoken(1))


async def test_the_wall_time_of_a_position_counts_from_the_capture_time(
    client: CaptionerClient,
) -> None:
    async with client.stream(live_config(capture_time=1_000.0)) as stream:
        assert stream.wall_time(24_000) == 1_001.5


async def test_leaving_without_end_leaves_the_session_to_be_resumed(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        started = await anext(stream)
        assert isinstance(started, live.Started)
    async with asyncio.timeout(TIMEOUT):
        await replica.service.opened[0].detached.wait()
    async with client.stream(live_config(resume_token=started.resume_token)) as again:
        event = await anext(again)
    assert isinstance(event, live.Started)
    assert event.session_id == started.session_id


async def test_streams_of_one_client_do_not_disturb_each_other(client: CaptionerClient) -> None:
    async def caption(number: int) -> list[tuple[int, str]]:
        async with client.stream(live_config(track=f"piste {number}")) as stream:
            listener = Listener(stream)
            await stream.send(spoken(number, 0))
            await finish(stream, listener)
            return listener.finals

    texts = await asyncio.gather(*(caption(number) for number in range(1, 21)))
    assert texts == [[(1, f"m{number}")] for number in range(1, 21)]


# --- Refused


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("bad", field="language"),
        errors.PermissionDenied("not this room"),
        errors.ResourceExhausted("full", retry_after=2),
        errors.ResumeExpired("gone"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_refusal_is_raised_when_the_stream_is_opened(
    client: CaptionerClient, replica: Replica, error: errors.CaptionerError
) -> None:
    replica.service.open_error = error
    with pytest.raises(type(error)):
        async with client.stream(live_config()):
            pass
    assert len(replica.service.opened) == 0


async def test_nobody_answering_is_raised_after_the_patience_of_the_client() -> None:
    patience = replace(PATIENCE, connect=0.3)
    async with CaptionerClient("127.0.0.1:9", patience=patience) as client:
        with pytest.raises(errors.Unavailable):
            async with client.stream(live_config()):
                pass


async def test_a_server_that_starts_late_is_waited_for(replica: Replica) -> None:
    await replica.kill()
    async with CaptionerClient(f"127.0.0.1:{replica.server.port}", patience=PATIENCE) as client:
        stream = client.stream(live_config())
        opening = asyncio.create_task(stream.__aenter__())
        await asyncio.wait([opening], timeout=0.1)
        assert not opening.done()
        await replica.replaced()
        async with asyncio.timeout(TIMEOUT):
            await opening
        await stream.__aexit__(None, None, None)


async def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)

    silent: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    patience = replace(PATIENCE, first_response=0.2, connect=0.3)
    async with CaptionerClient(f"127.0.0.1:{port}", patience=patience) as client:
        with pytest.raises(errors.CaptionerError):
            async with client.stream(live_config()):
                pass
    for writer in silent:
        writer.close()
    listener.close()


# --- Cut off


async def test_a_server_that_dies_in_mid_sentence_and_comes_back_loses_no_word(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1, 2, 0, 3, 4))
        await listener.until("m3 m4")
        await replica.kill()
        await stream.send(spoken(5))
        await replica.replaced()
        await stream.send(spoken(6, 0, 7))
        await finish(stream, listener)
    assert listener.finals == [(1, "m1 m2"), (2, "m3 m4 m5 m6"), (3, "m7")]
    assert listener.gaps == []
    assert stream.reconnections == 1
    ended = listener.events[-1]
    assert isinstance(ended, live.Ended)
    assert (ended.captions, ended.words) == (3, 7)


async def test_revisions_and_finals_stay_in_order_across_a_reconnection(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1, 0, 2, 3))
        await listener.until("m2 m3")
        await replica.replaced()
        await stream.send(spoken(4, 0))
        await finish(stream, listener)
    keys = [(caption.id, caption.revision) for caption in listener.captions]
    assert keys == sorted(set(keys))


async def test_words_to_append_come_once_across_a_reconnection(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config(mode=Mode.APPEND_ONLY)) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1, 2, 3))
        await listener.until("m3")
        await replica.replaced()
        await stream.send(spoken(4, 0))
        await finish(stream, listener)
    appended = " ".join(caption.appended for caption in listener.captions)
    assert appended.split() == ["m1", "m2", "m3", "m4"]


@pytest.mark.parametrize(
    "refusal",
    [
        errors.ResumeExpired("the session is gone"),
        errors.InvalidRequest("the key was replaced", field="resume_token"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
async def test_a_session_that_cannot_be_resumed_goes_on_as_another_one(
    client: CaptionerClient, replica: Replica, refusal: errors.CaptionerError
) -> None:
    async with client.stream(live_config(capture_time=1_000.0)) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1, 2, 0, 3, 4))
        await listener.until("m3 m4")
        other = await replica.replaced(key=b"other", foreign_token=refusal)
        await stream.send(spoken(5, 0))
        await finish(stream, listener)
    assert listener.finals == [(1, "m1 m2"), (2, "m3 m4 m5")]
    assert listener.gaps == []
    last = listener.captions[-1]
    assert (last.start, last.end) == (3 * BLOCK, 6 * BLOCK)
    [session] = other.service.opened
    assert session.config.capture_time == pytest.approx(1_000 + 3 * 0.1)


async def test_an_outage_longer_than_the_buffer_is_a_gap_and_not_silence(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1, 0))
        await listener.until("m1", final=True)
        await replica.kill()
        stream._buffer.seconds = 0.5
        await stream.send(spoken(*range(2, 22)))  # 2 s
        await replica.replaced()
        await finish(stream, listener)
    lost_until = 17 * BLOCK  # 22 blocks less the 5 that are kept
    assert listener.gaps == [live.Gap(2 * BLOCK, lost_until)]
    assert listener.finals[-1] == (2, " ".join(f"m{number}" for number in range(17, 22)))


async def test_a_long_silence_before_an_outage_is_no_gap(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        stream._buffer.seconds = 0.5
        for number in (1, *[0] * 20, 2):  # of which the last five are kept
            await stream.send(spoken(number))
            await listener.heard(stream._buffer.position)
        await replica.replaced()
        await stream.send(spoken(3, 0))
        await finish(stream, listener)
    assert listener.finals == [(1, "m1"), (2, "m2 m3")]
    assert listener.gaps == []


async def test_a_call_that_is_reset_in_between_is_resumed(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1))
        await listener.until("m1")
        replica.service.opened[0].queue.put_nowait(errors.Unavailable("restarting", retry_after=0))
        await stream.send(spoken(2, 0))
        await finish(stream, listener)
    assert listener.finals == [(1, "m1 m2")]
    assert stream.reconnections == 1


async def test_an_internal_error_is_tried_again_once(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1))
        await listener.until("m1")
        replica.service.audio_error = RuntimeError("poison")
        await stream.send(spoken(2))
        with pytest.raises(errors.CaptionerError, match="internal error"):
            await finish(stream, listener)
    with pytest.raises(errors.CaptionerError, match="internal error"):
        await listener.done()
    assert stream.reconnections == 1


async def test_a_session_taken_over_by_another_client_is_given_up(
    client: CaptionerClient,
) -> None:
    async with client.stream(live_config()) as stream:
        started = await anext(stream)
        assert isinstance(started, live.Started)
        async with client.stream(live_config(resume_token=started.resume_token)):
            with pytest.raises(errors.SessionTakenOver):
                async for _ in stream:
                    pass
            with pytest.raises(errors.SessionTakenOver):
                await stream.send(spoken(1))


async def test_an_outage_longer_than_the_patience_of_the_client_is_raised(
    replica: Replica,
) -> None:
    patience = replace(PATIENCE, outage=0.3)
    async with (
        CaptionerClient(f"127.0.0.1:{replica.server.port}", patience=patience) as client,
        client.stream(live_config()) as stream,
    ):
        await replica.kill()
        with pytest.raises(errors.Unavailable):
            async for _ in stream:
                pass


# --- Drain


async def test_a_drained_server_hands_its_streams_over_without_losing_a_word(
    client: CaptionerClient, replica: Replica
) -> None:
    async with client.stream(live_config()) as stream:
        listener = Listener(stream)
        await stream.send(spoken(1, 2))
        await listener.until("m1 m2")
        await replica.service.drain()
        await listener.until("m1 m2", final=True)
        await stream.send(spoken(3))
        await replica.replaced()
        await stream.send(spoken(4, 0))
        await finish(stream, listener)
    assert listener.finals == [(1, "m1 m2"), (2, "m3 m4")]
    assert not [event for event in listener.events if isinstance(event, live.Reconnect)]


# --- Opus


async def test_opus_packets_go_one_a_message(replica: Replica) -> None:
    service = replica.service
    packets: list[tuple[bytes, int | None]] = []

    async def keep(_self: object, data: bytes, *, offset: int | None = None) -> None:
        packets.append((data, offset))
        service.heard.set()

    audio_format = AudioFormat(Encoding.OPUS, 48_000)
    packet = bytes([0b11111_0_00, 1, 2, 3])  # 20 ms
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("rpc_fakes.EchoSession.audio", keep)
        async with (
            CaptionerClient(f"127.0.0.1:{replica.server.port}", patience=PATIENCE) as client,
            client.stream(live_config(audio_format=audio_format)) as stream,
        ):
            await stream.send(packet)
            await stream.send(packet)
            await stream.end()
    assert packets == [(packet, 0), (packet, 960)]
