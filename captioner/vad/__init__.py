"""Voice detection: audio to frames, frames to speech probabilities, probabilities to utterances."""

from __future__ import annotations

from typing import Final

FRAME_SAMPLES: Final = 512  # samples in a frame at 16 kHz: 32 ms, the unit Silero was trained on
