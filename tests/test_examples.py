"""The example programs, against the real service with a scripted engine."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
from rpc_fakes import settings_with

from captioner.asr.scripted import ScriptedEngine
from captioner.rpc.server import RpcServer
from captioner.service import CaptionService

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SENTENCE = EXAMPLES / "audio" / "sentences" / "000.flac"

pytestmark = pytest.mark.slow  # they play a sentence at the pace of time


@pytest.fixture
async def server() -> AsyncIterator[str]:
    service = CaptionService(settings_with(), engine_factory=ScriptedEngine)
    rpc = RpcServer(service)
    await rpc.start()
    async with service:
        yield f"127.0.0.1:{rpc.port}"
        await rpc.stop(0)


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_a_track_is_streamed_and_its_captions_grow_into_a_final(
    server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await program("stream_track").main(str(SENTENCE), server)
    lines = capsys.readouterr().out.splitlines()
    *interims, final = (line for line in lines if line.startswith("  1 "))
    assert interims
    assert all("interim" in line for line in interims)
    assert final.startswith("  1 final    mot0 mot1 mot2")
    assert final.endswith("[]")


async def test_a_recording_is_transcribed_by_a_server(
    server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await program("transcribe_file").main(str(SENTENCE), server)
    lines = capsys.readouterr().out.splitlines()
    *segments, last = (line for line in lines if " s  " in line or "segments" in line)
    assert "mot0 mot1" in segments[0]
    assert last.startswith(f"{len(segments)} segments in ")
