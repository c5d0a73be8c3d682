"""How long a decode's window is: the model's rule, rounded up to a few fixed lengths.

Whisper was trained on windows padded to 30 s; cut right after the speech it loops, but a few
seconds of digital silence are enough for some models (measured per model, in its manifest).
Fixed lengths let rows of different sessions share a batch.
"""

from __future__ import annotations

from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE

PADDED = 30 * SAMPLE_RATE  # samples: the window Whisper was trained on
STEP = 2 * SAMPLE_RATE  # samples between two window lengths
MEL_HOP = SAMPLE_RATE // 100  # 160 samples: one log-mel frame every 10 ms


def window_length(speech: int, rule: WindowRule, *, at_least: int = 0) -> int:
    """Samples of the window for `speech` samples of speech: a multiple of `STEP`, at most 30 s.

    Args:
        speech: samples of audio, before the silence that the rule adds.
        rule: of the model.
        at_least: samples that the window has in any case.

    Raises:
        ValueError: when the speech alone is longer than 30 s.
    """
    if speech > PADDED:
        raise ValueError(f"{speech} samples of speech do not fit in a window of {PADDED}")
    if rule.padded:
        return PADDED
    needed = max(
        speech + round(rule.silence * SAMPLE_RATE), round(rule.minimum * SAMPLE_RATE), at_least
    )
    return min(PADDED, -(-needed // STEP) * STEP)


def needed_frames(speech_frames: int, rule: WindowRule) -> int:
    """Frames of 10 ms, speech included, that the encoder needs of a window; 0: all of them."""
    if rule.padded or rule.minimum:
        return 0
    return speech_frames + round(rule.silence * SAMPLE_RATE / MEL_HOP)
