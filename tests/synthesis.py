"""Sounds and recordings made up for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


def sine(
    seconds: float, *, rate: int = 16_000, hertz: float = 440, amplitude: float = 0.5
) -> Samples:
    """A sine wave that begins at phase 0."""
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def noise(count: int, *, seed: int = 0, amplitude: float = 0.1) -> Samples:
    """White noise, the same for the same seed."""
    values = amplitude * np.random.default_rng(seed).standard_normal(count)
    return np.clip(values, -1, 1).astype(np.float32)


def linear16(samples: npt.NDArray[np.floating]) -> bytes:
    """Samples as LINEAR16 bytes."""
    return np.round(samples * 32767).astype("<i2").tobytes()


def opus_packets(samples: Samples, *, channels: int = 1, milliseconds: int = 20) -> list[bytes]:
    """Encode 48 kHz audio, the same in each channel, one packet an item."""
    codec = av.AudioCodecContext.create("libopus", "w")
    codec.sample_rate = 48_000
    codec.layout = "mono" if channels == 1 else "stereo"
    codec.format = "s16"
    codec.options = {"frame_duration": str(milliseconds)}
    codec.open()
    packets = []
    for begin in range(0, len(samples), codec.frame_size):
        frame = _frame(samples[begin : begin + codec.frame_size], rate=48_000, channels=channels)
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets + [bytes(packet) for packet in codec.encode(None)]


def write_recording(  # the codec decides what the rest means, so they are all here
    file: Path | IO[bytes],
    samples: Samples,
    *,
    codec: str,
    container: str | None = None,
    rate: int = 16_000,
    channels: int = 1,
    tracks: int = 1,
    first_pts: int = 0,
    hole: tuple[int, int] = (0, 0),
) -> None:
    """Write a recording with the same samples in each channel; track i is i + 1 times quieter.

    `hole` (at, length) leaves out no samples: it moves the timestamps from `at` on by `length`.
    """
    target = str(file) if isinstance(file, Path) else file
    with av.open(target, "w", format=container) as output:
        layout = "mono" if channels == 1 else "stereo"
        streams = []
        for _ in range(tracks):
            stream = output.add_stream(codec, rate=rate, layout=layout)
            assert isinstance(stream, av.AudioStream)
            streams.append(stream)
        for begin in range(0, len(samples), 1024):
            for number, stream in enumerate(streams):
                part = samples[begin : begin + 1024] / (number + 1)
                frame = _frame(part, rate=rate, channels=channels)
                frame.pts = first_pts + begin + (hole[1] if begin >= hole[0] else 0)
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))


def _frame(samples: npt.NDArray[np.floating], *, rate: int, channels: int) -> av.AudioFrame:
    values = np.repeat(np.round(samples * 32767).astype(np.int16), channels)
    layout = "mono" if channels == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(values[np.newaxis], format="s16", layout=layout)
    frame.sample_rate = rate
    return frame
