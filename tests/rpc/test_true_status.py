from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
from rpc_calls import RawCall
from rpc_fakes import EchoService

from captioner.errors import SessionTakenOver
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.true_status import with_true_status

CALLS = 100  # without the remedy more than half of them hide their status


async def flood(call: RawCall) -> Any:
    try:
        while True:
            await call.send(keepalive=pb.Keepalive())
    except (asyncio.InvalidStateError, grpc.aio.AioRpcError) as error:
        return error


async def test_the_status_of_the_server_is_seen_even_in_the_middle_of_a_write(
    channel: grpc.aio.Channel, service: EchoService
) -> None:
    codes = []
    for _ in range(CALLS):
        call = RawCall(channel)
        with_true_status(call.call)
        await call.configure()
        writing = asyncio.create_task(flood(call))
        await asyncio.sleep(0.001)
        service.opened[-1].queue.put_nowait(SessionTakenOver("elsewhere"))
        codes.append((await call.failure()).code())
        await writing
    assert codes == [grpc.StatusCode.ABORTED] * CALLS


async def test_a_lost_connection_is_unavailable(
    channel: grpc.aio.Channel, service: EchoService, server: Any
) -> None:
    call = RawCall(channel)
    with_true_status(call.call)
    await call.configure()
    writing = asyncio.create_task(flood(call))
    await server.stop(0)
    assert (await call.failure()).code() is grpc.StatusCode.UNAVAILABLE
    await writing


def test_something_without_a_core_is_left_alone() -> None:
    call = object()
    assert with_true_status(call) is call
