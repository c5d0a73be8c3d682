from __future__ import annotations

import grpc
import grpc.aio
import pytest
from rpc_fakes import DIGEST, EchoService

from captioner.errors import Unavailable
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.generated.captioner.v1 import captioner_pb2_grpc
from captioner.rpc.info import service_info


async def test_the_service_tells_what_it_is(channel: grpc.aio.Channel) -> None:
    stub = captioner_pb2_grpc.CaptionerServiceStub(channel)
    info = await stub.GetServiceInfo(pb.GetServiceInfoRequest())
    assert info.provenance.machine_generated
    assert (info.provenance.model, info.provenance.model_digest) == ("echo", DIGEST)
    assert list(info.languages) == ["fr", "en"]
    assert info.limits.idle_timeout.seconds == 15
    assert info.capacity.max_sessions == 1000
    assert (info.device, info.compute_type) == ("cpu", "int8")


def test_a_service_that_loads_its_model_cannot_tell_yet() -> None:
    with pytest.raises(Unavailable, match="starting"):
        service_info(EchoService())


async def test_a_draining_service_still_tells() -> None:
    service = EchoService()
    async with service:
        await service.drain()
        assert service_info(service).capacity.draining
