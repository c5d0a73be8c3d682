"""Servers in processes of their own: killed, stopped, frozen in mid-sentence."""

from __future__ import annotations

import asyncio
import signal

import grpc.aio
import pytest
from rpc_calls import RawCall
from rpc_fakes import live_config, spoken
from rpc_process import server_process

from captioner import live
from captioner.rpc.client import CaptionerClient, CaptionStream
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb

pytestmark = pytest.mark.slow


class Reader:
    """What a stream has said so far."""

    def __init__(self, stream: CaptionStream) -> None:
        self.captions: list[live.Captioned] = []
        self.gaps: list[live.Gap] = []
        self._heard = asyncio.Condition()
        self.task = asyncio.create_task(self._read(stream))

    async def _read(self, stream: CaptionStream) -> None:
        async for event in stream:
            async with self._heard:
                if isinstance(event, live.Captioned):
                    self.captions.append(event)
                if isinstance(event, live.Gap):
                    self.gaps.append(event)
                self._heard.notify_all()

    async def until(self, text: str) -> None:
        async with self._heard:
            await self._heard.wait_for(
                lambda: any(it.caption.text.endswith(text) for it in self.captions)
            )

    @property
    def finals(self) -> list[str]:
        return [it.caption.text for it in self.captions if it.caption.final]


async def test_a_server_killed_in_mid_sentence_and_restarted_loses_no_word() -> None:
    with server_process() as first:
        async with (
            CaptionerClient(first.address) as client,
            client.stream(live_config()) as stream,
        ):
            reader = Reader(stream)
            await stream.send(spoken(1, 2, 0, 3, 4))
            await reader.until("m3 m4")
            first.send(signal.SIGKILL)
            first.wait()
            await stream.send(spoken(5, 6))
            with server_process(first.address):
                await stream.send(spoken(7, 0))
                await stream.end()
                await reader.task
    assert reader.finals == ["m1 m2", "m3 m4 m5 m6 m7"]
    assert reader.gaps == []


async def test_a_server_that_is_stopped_finalizes_first_and_ends_well() -> None:
    with server_process() as process:
        async with grpc.aio.insecure_channel(process.address) as channel:
            call = RawCall(channel)
            await call.configure()
            await call.send(audio=pb.AudioChunk(data=spoken(1, 2)))
            while (await call.call.read()).caption.text != "m1 m2":
                pass
            process.send(signal.SIGTERM)
            responses: list[pb.StreamCaptionsResponse] = []
            await call.failure(responses)
        assert process.wait() == 0
    assert [it.caption.text for it in responses if it.caption.final] == ["m1 m2"]


@pytest.mark.timeout(120)
async def test_a_frozen_server_is_noticed_and_loses_no_word_when_it_thaws() -> None:
    with server_process() as process:
        async with (
            CaptionerClient(process.address) as client,
            client.stream(live_config()) as stream,
        ):
            reader = Reader(stream)
            await stream.send(spoken(1, 2))
            await reader.until("m1 m2")
            process.send(signal.SIGSTOP)
            await stream.send(spoken(3))
            # 25 s: keepalive every 20 s, to be answered within 5 s.
            while not stream._failures:  # noqa: ASYNC110 - not worth an event of its own
                await asyncio.sleep(0.1)
            await stream.send(spoken(4))
            process.send(signal.SIGCONT)
            await stream.send(spoken(5, 0))
            await stream.end()
            await reader.task
    assert reader.finals == ["m1 m2 m3 m4 m5"]
    assert reader.gaps == []
