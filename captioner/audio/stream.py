"""One live track: bytes as they arrive to 16 kHz mono."""

from __future__ import annotations

import numpy as np

from captioner.audio import pcm
from captioner.audio.format import AudioFormat, Encoding
from captioner.audio.opus import OpusDecoder
from captioner.audio.pcm import Samples
from captioner.audio.resample import Resampler
from captioner.transcript import SAMPLE_RATE


class AudioStream:
    """Decodes, mixes down and resamples one live track.

    The concatenated output depends on the bytes and on where `flush` was called, to the last bit,
    and not on how the bytes were cut. A push that raises changes nothing: earlier audio stays, and
    the next push goes on after it.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        self.format = audio_format
        self.clamped = 0
        """FLOAT32 values that were out of range so far."""
        self.position = 0
        """Samples received so far, at the track's own rate: where the next one belongs."""
        self._opus = OpusDecoder() if audio_format.encoding is Encoding.OPUS else None
        self._resampler = Resampler(audio_format.sample_rate)
        self._returned = 0

    @property
    def delayed(self) -> int:
        """Samples at 16 kHz that were received but wait in the resampler."""
        return max(0, self.position * SAMPLE_RATE // self.format.sample_rate - self._returned)

    def push(self, data: bytes) -> Samples:
        """Decode more bytes: any number of whole samples, or one Opus packet.

        Returns:
            The samples at 16 kHz that are ready; possibly none.

        Raises:
            UnsupportedAudio: the bytes are not audio of this format.
        """
        if not data:
            return np.empty(0, dtype=np.float32)
        if self._opus is not None:
            samples, clamped = self._opus.decode(data), 0
        else:
            samples, clamped = pcm.decode(data, self.format)
        self.clamped += clamped
        return self._resample(samples)

    def push_silence(self, count: int) -> Samples:
        """Fill a hole of `count` samples, at the track's own rate, as if zeros had arrived."""
        return self._resample(np.zeros(count, dtype=np.float32))

    def flush(self) -> Samples:
        """Return what waits in the resampler; a later push goes on from there."""
        rest = self._resampler.flush()
        self._returned += len(rest)
        return rest

    def _resample(self, samples: Samples) -> Samples:
        self.position += len(samples)
        ready = self._resampler.push(samples)
        self._returned += len(ready)
        return ready
