"""The Transcribe call over a real connection."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from rpc_fakes import FORMAT, EchoService, settings_with, spoken

from captioner import errors
from captioner.audio.format import AudioFormat, Encoding
from captioner.rpc import convert, transcribe
from captioner.rpc.client import CaptionerClient
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.generated.captioner.v1 import captioner_pb2_grpc
from captioner.rpc.server import RpcServer
from captioner.rpc.status import from_rpc_error
from captioner.rpc.transcribe import MAX_UPLOADS, Uploads
from captioner.transcription.events import RecordingEnded, RecordingProgress, RecordingSegment


@pytest.fixture
def service() -> EchoService:
    limits = settings_with(max_upload_bytes=65_536, config_timeout=0.2, idle_timeout=0.2)
    return EchoService(limits)


@pytest.fixture
def call(channel: grpc.aio.Channel) -> Any:
    return captioner_pb2_grpc.CaptionerServiceStub(channel).Transcribe()


CONFIG = pb.TranscribeRequest(config=pb.TranscribeConfig(language="fr"))


def data(content: bytes) -> pb.TranscribeRequest:
    return pb.TranscribeRequest(data=content)


async def failure(call: Any) -> errors.CaptionerError:
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as failed:
        return from_rpc_error(failed)
    pytest.fail("the call ended well")


async def test_a_recording_comes_back_as_progress_and_segments(
    server: RpcServer, tmp_path: Path
) -> None:
    path = tmp_path / "recording"
    path.write_bytes(spoken(1, 2))
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        events = [event async for event in client.transcribe(path, language="en")]
    progress, first, second, ended = events
    assert progress == RecordingProgress(0, 3_200)
    assert isinstance(first, RecordingSegment)
    assert (first.id, first.text, first.language) == (1, "m1", "en")
    assert isinstance(second, RecordingSegment)
    assert (second.start, second.end) == (1_600, 3_200)
    assert ended == RecordingEnded(3_200, 2)


async def test_the_first_answer_tells_what_transcribes(call: Any) -> None:
    await call.write(CONFIG)
    assert (await call.read()).started.machine_generated


async def test_a_recording_that_cannot_be_decoded_is_refused(
    server: RpcServer, tmp_path: Path
) -> None:
    path = tmp_path / "recording"
    path.write_bytes(b"odd")
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        with pytest.raises(errors.UnsupportedAudio, match="not a recording"):
            async for _ in client.transcribe(path):
                pass


async def test_a_file_that_is_not_there_is_told_by_the_client(
    server: RpcServer, tmp_path: Path
) -> None:
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        with pytest.raises(FileNotFoundError):
            async for _ in client.transcribe(tmp_path / "none"):
                pass


@pytest.mark.parametrize(
    ("requests", "text"),
    [
        ([data(b"ab")], "data came before config"),
        ([pb.TranscribeRequest()], "an empty request came before config"),
        ([], "the end of the stream came before config"),
        ([CONFIG, CONFIG], "only data may follow config"),
        ([CONFIG], "the recording is empty"),
        ([CONFIG, data(bytes(60_000)), data(bytes(5_537))], "more than 65536 bytes"),
        (
            [pb.TranscribeRequest(config=pb.TranscribeConfig(key_terms=["x"] * 101))],
            "101 key terms, expected no more than 100",
        ),
        (
            [
                pb.TranscribeRequest(
                    config=pb.TranscribeConfig(
                        audio_format=convert.audio_format_message(
                            AudioFormat(Encoding.OPUS, 48_000)
                        )
                    )
                )
            ],
            "Ogg",
        ),
    ],
)
async def test_a_wrong_upload_is_refused(
    call: Any, requests: list[pb.TranscribeRequest], text: str
) -> None:
    for request in requests:
        await call.write(request)
    await call.done_writing()
    error = await failure(call)
    assert isinstance(error, errors.InvalidRequest)
    assert text in str(error)
    assert error.violations


async def test_a_recording_of_exactly_the_limit_is_accepted(call: Any) -> None:
    await call.write(CONFIG)
    await call.write(data(bytes(65_536)))
    await call.done_writing()
    kinds = []
    while (response := await call.read()) is not grpc.aio.EOF:
        kinds.append(response.WhichOneof("response"))
    assert kinds[-1] == "ended"


async def test_a_config_that_does_not_come_is_not_waited_for(call: Any) -> None:
    assert isinstance(await failure(call), errors.Timeout)


async def test_an_upload_that_stalls_is_given_up(call: Any) -> None:
    await call.write(CONFIG)
    await call.write(data(b"ab"))
    assert isinstance(await failure(call), errors.Timeout)


async def test_raw_audio_says_what_it_is(
    server: RpcServer, service: EchoService, tmp_path: Path
) -> None:
    path = tmp_path / "recording"
    path.write_bytes(spoken(1))
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        async for _ in client.transcribe(path, audio_format=FORMAT, key_terms=("Visio",)):
            pass
    assert service.transcribed == [("", ("Visio",), FORMAT)]


def test_no_more_recordings_than_allowed_are_taken_at_once() -> None:
    uploads = Uploads()
    slots = [uploads.slot() for _ in range(MAX_UPLOADS)]
    for slot in slots:
        slot.__enter__()
    with pytest.raises(errors.ResourceExhausted, match="8 recordings"):
        uploads.slot().__enter__()
    slots[0].__exit__(None, None, None)
    with uploads.slot():
        pass


class FullDisk(io.BytesIO):
    def write(self, _data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class BrokenDisk(io.BytesIO):
    def write(self, _data: Any) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_is_full_is_told_as_a_limit() -> None:
    with pytest.raises(errors.ResourceExhausted, match="no room") as refused:
        transcribe._store(FullDisk(), b"ab")
    assert refused.value.subject == "temporary files"


def test_a_disk_that_is_broken_is_a_fault() -> None:
    with pytest.raises(OSError, match="Input/output"):
        transcribe._store(BrokenDisk(), b"ab")
