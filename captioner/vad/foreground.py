"""The level of whoever speaks into the microphone, and what is too far under it to be them.

Voices in the background are speech to any voice detector. What sets them apart is their level: a
colleague who talks at the other end of the office is 30 dB under the person at the microphone, the
same person who turns away is not.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from captioner.vad import FRAME_SAMPLES
from captioner.vad.silero import Samples

BELOW: Final = 24.0  # dB: speech is within 13 of its loudest at any time, babble 30 under it
SPEECH: Final = 0.5  # probability of a frame that tells how loud somebody speaks
SYLLABLES: Final = 10  # frames over which that is taken: 0.32 s
RECENT: Final = 8  # frames of which the loudest counts: soft sounds follow loud ones
FADE: Final = 3.0  # dB by which a level sinks in a minute of speech that does not reach it

_FRAMES_A_MINUTE: Final = 60 * 16_000 / FRAME_SAMPLES
_FADED: Final = 10 ** (-FADE / 10 / _FRAMES_A_MINUTE)
_FAR: Final = 10 ** (-BELOW / 10)


class Foreground:
    """How loud one stream's speaker is: the loudest speech of late, as its mean power."""

    def __init__(self) -> None:
        self.power = 0.0
        """Of samples in [-1, 1]; 0 until somebody has spoken."""
        self.powers: list[float] = []
        """The same after each of the frames that were heard last."""
        self._spoken: deque[float] = deque(maxlen=SYLLABLES)  # 0 where nobody speaks
        self._recent: deque[float] = deque(maxlen=RECENT)

    def reset(self, power: float = 0.0) -> None:
        """Forget all but how loud the speaker is: so loud, or unknown."""
        self.power = power
        self.powers = []
        self._spoken.clear()
        self._recent.clear()

    def without_background(
        self, frames: Samples, probabilities: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the probabilities of the next frames, 0 where only the background speaks.

        Args:
            frames: (n, 512).
            probabilities: (n,) of speech.
        """
        nearby = probabilities.copy()
        powers = np.mean(np.square(frames), axis=1)
        self.powers = []
        for index in range(len(frames)):
            self._recent.append(float(powers[index]))
            speaks = bool(probabilities[index] >= SPEECH)
            self._spoken.append(self._recent[-1] if speaks else 0.0)
            if speaks:
                self.power = max(self.power * _FADED, sum(self._spoken) / SYLLABLES)
            self.powers.append(self.power)
            if max(self._recent) < self.power * _FAR:
                nearby[index] = 0.0
        return nearby
