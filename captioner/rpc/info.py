"""The GetServiceInfo call."""

from __future__ import annotations

import captioner
from captioner.errors import Unavailable
from captioner.rpc import convert
from captioner.rpc.backend import Backend
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb


def service_info(backend: Backend) -> pb.GetServiceInfoResponse:
    """The model, the limits, and how loaded the replica is.

    Raises:
        Unavailable: the model is still being loaded.
    """
    if not backend.ready and not backend.capacity.draining:
        raise Unavailable("the service is starting", retry_after=1.0)
    info, capacity = backend.info, backend.capacity
    return pb.GetServiceInfoResponse(
        provenance=convert.provenance(info, captioner.__version__),
        languages=info.languages,
        limits=convert.stream_limits(backend.settings),
        capacity=pb.Capacity(
            sessions=capacity.sessions,
            talking=capacity.talking,
            max_sessions=capacity.max_sessions,
            talking_headroom=capacity.talking_headroom,
            draining=capacity.draining,
        ),
        device=info.device,
        compute_type=info.compute_type,
    )
