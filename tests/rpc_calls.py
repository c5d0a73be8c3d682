"""One call of the native API without any help from our client."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
from rpc_fakes import live_config

from captioner import live
from captioner.rpc import convert
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.generated.captioner.v1 import captioner_pb2_grpc


class RawCall:
    """One StreamCaptions call without any help from our client."""

    def __init__(self, channel: grpc.aio.Channel, **metadata: str) -> None:
        stub = captioner_pb2_grpc.CaptionerServiceStub(channel)
        self.call: Any = stub.StreamCaptions(metadata=tuple(metadata.items()))

    async def send(self, **request: Any) -> None:
        await self.call.write(pb.StreamCaptionsRequest(**request))

    async def configure(self, config: live.SessionConfig | None = None) -> pb.Started:
        await self.send(config=convert.stream_config(config or live_config()))
        response = await self.call.read()
        assert response is not grpc.aio.EOF
        return response.started  # type: ignore[no-any-return]

    async def rest(self) -> list[pb.StreamCaptionsResponse]:
        """Everything until the call ends well."""
        responses = []
        while (response := await self.call.read()) is not grpc.aio.EOF:
            responses.append(response)
        return responses

    async def failure(
        self, responses: list[pb.StreamCaptionsResponse] | None = None
    ) -> grpc.aio.AioRpcError:
        """The status with which the call fails; what came before it is added to `responses`."""
        try:
            while (response := await self.call.read()) is not grpc.aio.EOF:
                if responses is not None:
                    responses.append(response)
        except grpc.aio.AioRpcError as failed:
            return failed
        pytest.fail("the call ended well")
