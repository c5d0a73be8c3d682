"""A cheap gate that rejects clear silence, so that a silent track costs next to nothing."""

from __future__ import annotations

from typing import Final

import webrtcvad

from captioner.transcript import SAMPLE_RATE

GATE_FRAME_MS: Final = (10, 20, 30)  # the lengths that the WebRTC detector accepts
GATE_MODES: Final = (0, 1, 2, 3)  # from the most permissive to the most aggressive


class WebRtcGate:
    """The WebRTC voice detector on one stream.

    It answers "might this be speech", not "is this speech": mode 1 lets every word of clear and of
    noisy speech through down to 30 dB under the usual level, and adapts to steady noise.
    """

    def __init__(self, *, mode: int = 1, frame_ms: int = 20) -> None:
        if frame_ms not in GATE_FRAME_MS:
            raise ValueError(f"gate frames last 10, 20 or 30 ms, not {frame_ms} ms")
        if mode not in GATE_MODES:
            raise ValueError(f"gate modes go from 0 to 3, not {mode}")
        self._frame_bytes = frame_ms * SAMPLE_RATE // 1000 * 2
        self._mode = mode
        self._pending = b""  # samples short of a whole gate frame
        self.reset()

    def accepts(self, pcm: bytes) -> bool:
        """Tell whether any gate frame that ends within ``pcm`` might be speech.

        Args:
            pcm: The next 16-bit little-endian mono samples at 16 kHz, any number of them. What is
                left after the last whole gate frame is judged with the next call.
        """
        pending = self._pending + pcm
        size = self._frame_bytes
        whole = len(pending) - len(pending) % size
        self._pending = pending[whole:]
        # Every frame is judged, also after a positive one: the detector learns the noise from all.
        verdicts = [
            self._vad.is_speech(pending[start : start + size], SAMPLE_RATE)
            for start in range(0, whole, size)
        ]
        return any(verdicts)

    def reset(self) -> None:
        """Forget the stream: what is pending and what was learnt of the noise."""
        self._vad = webrtcvad.Vad(self._mode)
        self._pending = b""
