"""Raw Opus packets, one after another, to float32 mono at 48 kHz."""

from __future__ import annotations

import av
import numpy as np
from av.error import FFmpegError

from captioner.audio.format import OPUS_RATE
from captioner.audio.pcm import INT16_SCALE, Samples
from captioner.errors import UnsupportedAudio


class OpusDecoder:
    """The state of one Opus stream.

    libopus mixes stereo packets down itself, and answers the one- or two-byte packets of a
    sender that stopped transmitting (DTX) with as much comfort noise or silence as they stand for.
    """

    def __init__(self) -> None:
        self._codec = av.AudioCodecContext.create("libopus", "r")
        self._codec.sample_rate = OPUS_RATE
        self._codec.layout = "mono"
        self._packets = 0

    def decode(self, packet: bytes) -> Samples:
        """Decode one packet of 2.5 to 120 ms.

        Raises:
            UnsupportedAudio: the packet is malformed. The decoder goes on with the next one.
        """
        self._packets += 1
        try:
            frames = self._codec.decode(av.Packet(packet))
        except FFmpegError as error:
            raise UnsupportedAudio(
                f"packet {self._packets} of {len(packet)} bytes is not an Opus packet",
                field="audio",
            ) from error
        samples = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
        samples *= INT16_SCALE
        return samples
