"""The client's unary calls and what it says of itself; streams are in test_client_stream."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rpc_fakes import EchoService, spoken

from captioner.errors import Unavailable
from captioner.rpc.client import CaptionerClient
from captioner.rpc.server import RpcServer

NOBODY = "127.0.0.1:9"  # the discard port: nobody listens


async def test_health_is_true_once_the_server_is_ready(
    server: RpcServer, service: EchoService
) -> None:
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        while not await client.health():
            pass
        await server.refuse()
        assert await client.health() is False


async def test_info_is_what_the_server_is(server: RpcServer) -> None:
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        info = await client.info()
    assert (info.model, info.languages, info.device) == ("echo", ("fr", "en"), "cpu")
    assert info.capacity.max_sessions == 1000


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with CaptionerClient(NOBODY) as client:
        with pytest.raises(Unavailable):
            await client.health()
        with pytest.raises(Unavailable):
            await client.info()


class TornFile(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


async def test_a_file_that_breaks_while_it_is_sent_is_told_and_ends_the_call(
    server: RpcServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(_path: Path, _mode: str) -> Any:
        return TornFile(spoken(1))

    monkeypatch.setattr(Path, "open", opened)
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        with pytest.raises(OSError, match="Input/output"):
            async for _ in client.transcribe(tmp_path / "torn"):
                pass


async def test_giving_a_transcription_up_ends_its_call(server: RpcServer, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(spoken(*range(1, 50)))
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        events: Any = client.transcribe(path)
        async for _ in events:
            break
        await events.aclose()
    await server.stop(1)  # waits for the calls that still run: there is none


def test_a_client_does_not_load_what_only_servers_need() -> None:
    program = (
        "import sys, captioner.rpc.client\n"
        "heavy = {'av', 'ctranslate2', 'onnxruntime', 'soxr', 'tokenizers', 'webrtcvad'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
