"""Many paced tracks for little CPU: the load of a benchmark of what the server spends.

Not the Python client of the project, which keeps what it would have to send again: a media server
written in something faster would be the other end, so the driver must not be in the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import grpc
import grpc.aio
import numpy as np
import numpy.typing as npt
import soxr
from recordings import AUDIO, SAMPLE_BYTES, load_recordings

from captioner.audio.files import read_file
from captioner.audio.format import AudioFormat, Encoding
from captioner.cli.playback import to_linear16
from captioner.clock import Clock
from captioner.live import SessionConfig
from captioner.rpc import convert
from captioner.rpc.client_stream import Call
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.generated.captioner.v1 import captioner_pb2_grpc
from captioner.rpc.options import client_options
from captioner.transcript import SAMPLE_RATE

MESSAGE = 0.1  # seconds of audio
TURN = 7.3  # seconds that one track is ahead of the track before it in the same recording
ROOM_NOISE = 0.02  # of the level of the pink noise: 60 dB below full scale

Float32 = npt.NDArray[np.float32]


class Sound(Enum):
    """What every track sends."""

    TALKING = "talking"
    """People who talk without a break."""
    SILENT = "silent"
    """Open microphones in a quiet room."""


@dataclass(slots=True)
class Talkers:
    """What the driver saw."""

    lateness: list[tuple[float, float]] = field(default_factory=list)
    """For each message: when (monotonic seconds), and how long after it was due."""
    captions: int = 0
    failures: list[str] = field(default_factory=list)


def load_sounds(sound: Sound, sample_rate: int) -> list[bytes]:
    """Different recordings of one kind, as LINEAR16 at that rate."""
    if sound is Sound.SILENT:
        files, gain = [AUDIO / "noise" / "pink.flac"], ROOM_NOISE
    else:
        files, gain = [recording.file for recording in load_recordings("monologues")], 1.0
    return [
        to_linear16(_at_rate(read_file(file) * np.float32(gain), sample_rate)) for file in files
    ]


def _at_rate(samples: Float32, rate: int) -> Float32:
    if rate == SAMPLE_RATE:
        return samples
    resampled: Float32 = soxr.resample(samples, SAMPLE_RATE, rate)
    return resampled


async def talk(
    address: str,
    sounds: Sequence[bytes],
    seen: Talkers,
    *,
    tracks: int,
    sample_rate: int,
    seconds: float,
    clock: Clock,
) -> None:
    """Send so many tracks for so many seconds, over one connection, and note it in ``seen``.

    Their messages are spread evenly over each 100 ms, and no two say the same at the same time.
    """
    audio_format = AudioFormat(Encoding.LINEAR16, sample_rate)
    async with grpc.aio.insecure_channel(address, options=client_options()) as channel:
        stub = captioner_pb2_grpc.CaptionerServiceStub(channel)
        origin = clock.monotonic() + MESSAGE
        async with asyncio.TaskGroup() as group:
            for index in range(tracks):
                track = _Track(
                    SessionConfig(room="benchmark", track=f"{index:04}", audio_format=audio_format),
                    sounds[index % len(sounds)],
                    start=origin + MESSAGE * index / tracks,
                    turn=TURN * (index // len(sounds)),
                )
                messages = round(seconds / MESSAGE)
                group.create_task(track.play(stub.StreamCaptions(), messages, seen, clock))


class _Track:
    """One track of the load."""

    def __init__(self, config: SessionConfig, sound: bytes, *, start: float, turn: float) -> None:
        self._config = config
        self._size = round(MESSAGE * config.audio_format.sample_rate) * SAMPLE_BYTES
        self._pieces = max(1, len(sound) // self._size)
        self._sound = sound
        self._start = start
        self._turn = round(turn / MESSAGE)

    async def play(self, call: Call, messages: int, seen: Talkers, clock: Clock) -> None:
        """Send so many messages, and read until the server has nothing more to say."""
        try:
            await call.write(pb.StreamCaptionsRequest(config=convert.stream_config(self._config)))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(call, messages, seen, clock))
                group.create_task(_read(call, seen))
        except* (grpc.aio.AioRpcError, asyncio.InvalidStateError) as errors:
            seen.failures.append(f"{self._config.track}: {_told(errors.exceptions[0])}")
        finally:
            call.cancel()

    async def _send(self, call: Call, messages: int, seen: Talkers, clock: Clock) -> None:
        for number in range(messages):
            due = self._start + (number + 1) * MESSAGE
            await asyncio.sleep(max(0.0, due - clock.monotonic()))
            now = clock.monotonic()
            seen.lateness.append((now, now - due))
            await call.write(self._message(number))
        await call.write(pb.StreamCaptionsRequest(end_of_stream=pb.EndOfStream()))

    def _message(self, number: int) -> pb.StreamCaptionsRequest:
        begin = (number + self._turn) % self._pieces * self._size
        chunk = pb.AudioChunk(
            data=self._sound[begin : begin + self._size],
            sample_offset=number * self._size // SAMPLE_BYTES,
        )
        return pb.StreamCaptionsRequest(audio=chunk)


async def _read(call: Call, seen: Talkers) -> None:
    while True:
        response: Any = await call.read()
        if response is grpc.aio.EOF:
            return
        seen.captions += response.HasField("caption")


def _told(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name} {error.details()}"
    return str(error)
