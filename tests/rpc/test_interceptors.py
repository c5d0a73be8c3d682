"""What is written about calls, and what is not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from rpc_calls import RawCall
from rpc_fakes import EchoService, live_config, spoken

from captioner import logs
from captioner.rpc.client import CaptionerClient
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.server import RpcServer

CANARY = "perroquet violet"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("debug", "json", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def ended_calls(written: io.StringIO) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "call ended"]


async def test_each_call_is_written_with_its_session_and_code(
    written: io.StringIO, raw_call: RawCall, server: RpcServer
) -> None:
    started = await raw_call.configure()
    await raw_call.send(end_of_stream=pb.EndOfStream())
    await raw_call.rest()
    await server.stop(1)
    [line] = ended_calls(written)
    assert line["code"] == "OK"
    assert line["session"] == started.session_id
    assert line["method"] == "/captioner.v1.CaptionerService/StreamCaptions"


@pytest.mark.parametrize(
    ("request_", "code"),
    [({"audio": pb.AudioChunk(data=b"abc")}, "INVALID_ARGUMENT"), (None, "CANCELLED")],
)
async def test_the_code_of_a_failed_call_is_written(
    written: io.StringIO,
    raw_call: RawCall,
    server: RpcServer,
    request_: dict[str, object] | None,
    code: str,
) -> None:
    await raw_call.configure()
    if request_:
        await raw_call.send(**request_)
    else:
        await raw_call.call.done_writing()
    await raw_call.failure()
    await server.stop(1)
    assert [line["code"] for line in ended_calls(written)] == [code]


async def test_an_internal_error_is_found_again_by_the_identifier_the_client_got(
    written: io.StringIO, raw_call: RawCall, service: EchoService
) -> None:
    service.audio_error = RuntimeError(CANARY)
    await raw_call.configure()
    await raw_call.send(audio=pb.AudioChunk(data=spoken(1)))
    incident = ((await raw_call.failure()).details() or "").removeprefix("internal error ")
    [line] = [json.loads(it) for it in written.getvalue().splitlines() if "internal error" in it]
    assert line["incident"] == incident
    assert line["error"] == "RuntimeError"
    assert any("rpc_fakes.py" in place for place in line["places"])


async def test_no_log_holds_what_was_said_or_who_said_it(
    written: io.StringIO, server: RpcServer, service: EchoService, tmp_path: Path
) -> None:
    options = live_config(
        room=f"salle {CANARY}",
        track=f"piste {CANARY}",
        speaker_identity=CANARY,
        speaker_name=CANARY,
        key_terms=(CANARY,),
    )
    service.text = CANARY
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        async with client.stream(options) as stream:
            await stream.send(spoken(1, 2, 0))
            await stream.update(key_terms=(CANARY,))
            await stream.end()
            events = [event async for event in stream]
        assert CANARY in str(events)  # it did pass through
        recording = tmp_path / f"{CANARY}.pcm"
        recording.write_bytes(spoken(1))
        assert CANARY in str([it async for it in client.transcribe(recording, key_terms=(CANARY,))])
        for error in (RuntimeError(CANARY), ValueError(CANARY)):
            service.open_error = error
            with pytest.raises(Exception, match="internal error"):
                await client.stream(options).__aenter__()
    await server.stop(1)
    assert len(ended_calls(written)) >= 4
    assert "perroquet" not in written.getvalue()
    assert "violet" not in written.getvalue()
