"""One recording of every kind that people have, with the same sound in each."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

import av
import numpy as np
import pytest
from synthesis import Samples, sine


@dataclass(frozen=True)
class Kind:
    """How to write it, and what reading it back says."""

    name: str
    container: str
    codec: str
    rate: int = 48_000
    channels: int = 2
    options: Mapping[str, str] = field(default_factory=dict)
    codec_options: Mapping[str, str] = field(default_factory=dict)
    bit_rate: int = 0
    streamed: bool = False
    """Written without going back to fill in what was not known at first."""
    declared: bool = True
    """Whether it says how long it is."""


KINDS = [
    Kind("wav 8 bit", "wav", "pcm_u8"),
    Kind("wav 16 bit", "wav", "pcm_s16le"),
    Kind("wav 24 bit", "wav", "pcm_s24le"),
    Kind("wav 32 bit", "wav", "pcm_s32le"),
    Kind("wav float", "wav", "pcm_f32le"),
    Kind("wav double", "wav", "pcm_f64le"),
    Kind("wav extensible", "wav", "pcm_s24le", channels=1, rate=96_000),
    Kind("wav a-law", "wav", "pcm_alaw", rate=8_000, channels=1),
    Kind("wav adpcm", "wav", "adpcm_ima_wav", channels=1),
    Kind("wav from a pipe", "wav", "pcm_s16le", streamed=True),
    Kind("rf64", "wav", "pcm_s16le", options={"rf64": "always"}),
    Kind("wave64", "w64", "pcm_s16le"),
    Kind("aiff", "aiff", "pcm_s16be"),
    Kind("caf", "caf", "pcm_s16be"),
    Kind("caf alac", "caf", "alac"),
    Kind("au", "au", "pcm_s16be"),
    Kind("flac", "flac", "flac"),
    Kind("flac from a pipe", "flac", "flac", streamed=True, declared=False),
    Kind("wavpack", "wv", "wavpack"),
    Kind("tta", "tta", "tta"),
    Kind("mp3", "mp3", "libmp3lame"),
    Kind("mp3 vbr", "mp3", "libmp3lame", codec_options={"q": "4"}),
    Kind("mp3 without xing header", "mp3", "libmp3lame", options={"write_xing": "0"}),
    Kind("aac adts", "adts", "aac"),
    Kind("ac3 in mpeg-ts", "mpegts", "ac3", bit_rate=192_000),
    Kind("amr", "amr", "libopencore_amrnb", rate=8_000, channels=1),
    Kind("3gp amr", "3gp", "libopencore_amrnb", rate=8_000, channels=1),
    Kind("ogg vorbis", "ogg", "vorbis", codec_options={"strict": "experimental"}),
    Kind("ogg opus", "ogg", "libopus"),
    Kind("ogg flac", "ogg", "flac"),
    Kind("m4a", "ipod", "aac"),
    Kind("mov alac", "mov", "alac"),
    Kind("mp4", "mp4", "aac"),
    Kind("mp4 fragmented", "mp4", "aac",
         options={"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
    Kind("3gp aac", "3gp", "aac"),
    Kind("mkv", "matroska", "pcm_s16le"),
    Kind("webm", "webm", "libopus"),
    Kind("webm of a browser", "webm", "libopus", options={"live": "1"}, streamed=True,
         declared=False),
    Kind("mkv from a pipe", "matroska", "pcm_s16le", options={"live": "1"}, streamed=True),
    Kind("mpeg-ts", "mpegts", "aac"),
    Kind("mpeg", "mpeg", "mp2"),
    Kind("avi", "avi", "pcm_s16le"),
    Kind("flv", "flv", "aac", rate=44_100),
    Kind("wma", "asf", "wmav2", rate=44_100, bit_rate=128_000),
]  # fmt: skip


class _Pipe(io.RawIOBase):
    """Takes bytes and cannot go back."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:  # type: ignore[override]  # what PyAV passes
        self.data += data
        return len(data)


def sound(rate: int = 16_000) -> Samples:
    """Three seconds of a sine wave that is silent from second 1 to second 2."""
    samples = sine(3, rate=rate)
    samples[rate : 2 * rate] = 0
    return samples


def write_kind(kind: Kind) -> bytes:
    """A recording of `sound`, the same in each channel."""
    pipe, file = _Pipe(), io.BytesIO()
    with av.open(
        pipe if kind.streamed else file, "w", format=kind.container, options=dict(kind.options)
    ) as output:
        layout = "mono" if kind.channels == 1 else "stereo"
        stream = output.add_stream(
            kind.codec, rate=kind.rate, layout=layout, options=dict(kind.codec_options)
        )
        assert isinstance(stream, av.AudioStream)
        if kind.bit_rate:
            stream.bit_rate = kind.bit_rate
        for frame in _frames(sound(kind.rate), kind.rate, layout):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return bytes(pipe.data) if kind.streamed else file.getvalue()


def _frames(samples: Samples, rate: int, layout: str) -> list[av.AudioFrame]:
    channels = 1 if layout == "mono" else 2
    values = np.round(samples * 32767).astype(np.int16)
    frames = []
    for begin in range(0, len(values), 1024):
        part = np.repeat(values[begin : begin + 1024], channels)
        frame = av.AudioFrame.from_ndarray(part[np.newaxis], format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = begin
        frames.append(frame)
    return frames


def run_ffmpeg(*arguments: str | Path) -> None:
    """Run the program, for what PyAV cannot write."""
    program = which("ffmpeg")
    if program is None:
        pytest.skip("needs the Debian package ffmpeg")
    command = [program, "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)
