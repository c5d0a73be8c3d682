"""Voice detection ahead of the session that asks for it: for many at a time, in another thread."""

from __future__ import annotations

from collections.abc import Sequence

from captioner.vad.detector import Probabilities, VoiceDetector, listen_together
from captioner.vad.silero import Samples


class AheadDetector:
    """The voice detector of one stream, which may have heard the next samples already.

    What `listen_ahead` heard must be asked for next, by one `process` of the same samples. What it
    did not hear is judged when it is asked for.
    """

    def __init__(self, detector: VoiceDetector) -> None:
        self.detector = detector
        """The one that hears."""
        self._heard: tuple[int, Probabilities] | None = None

    def process(self, samples: Samples) -> Probabilities:
        """Take the next samples; return the probability of each frame that they complete.

        Raises:
            ValueError: others were heard ahead.
        """
        if self._heard is None:
            return self.detector.process(samples)
        (count, probabilities), self._heard = self._heard, None
        if count != len(samples):
            raise ValueError(f"{len(samples)} samples were asked for, {count} were heard ahead")
        return probabilities

    def flush(self) -> Probabilities:
        """Judge the incomplete last frame, if any, as though silence followed."""
        return self.detector.flush()

    def reset(self, position: int, *, speaker_power: float = 0.0) -> None:
        """Restart as a new stream whose first sample is ``position``."""
        self._heard = None
        self.detector.reset(position, speaker_power=speaker_power)

    def speaker_power_at(self, position: int) -> float:
        """How loud the speaker was found to be by the end of a frame of the last call."""
        return self.detector.speaker_power_at(position)

    def expect(self, count: int, probabilities: Probabilities) -> None:
        """Answer the next `process`, of that many samples, with these probabilities."""
        self._heard = (count, probabilities)


def listen_ahead(audio: Sequence[tuple[AheadDetector, Samples]]) -> None:
    """Hear what each detector will be asked for next; no other thread may use them meanwhile."""
    heard = listen_together([(ahead.detector, samples) for ahead, samples in audio])
    for (ahead, samples), probabilities in zip(audio, heard, strict=True):
        ahead.expect(len(samples), probabilities)
