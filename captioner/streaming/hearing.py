"""Where speech is: the voice detector and the endpointer of a session, begun anew together."""

from __future__ import annotations

from collections.abc import Iterable

from captioner.asr.engine import Float32
from captioner.streaming.settings import samples
from captioner.vad import FRAME_SAMPLES
from captioner.vad.detector import VoiceActivity
from captioner.vad.endpointing import Endpointer, EndpointingSettings, Event


class Hearing:
    """Takes the audio of a session from one restart on, to the next."""

    def __init__(self, settings: EndpointingSettings, detector: VoiceActivity) -> None:
        """Prepare; nothing can be heard before `restart`."""
        self._settings = settings
        self._detector = detector

    def restart(self, position: int, speaker_power: float, *, continuing: bool = False) -> None:
        """Hear the audio from `position` on as if the session began there."""
        self.origin = self.scanned = position
        self._detector.reset(position, speaker_power=speaker_power)
        self._endpointer = Endpointer(self._settings, position=position, continuing=continuing)

    @property
    def heard(self) -> int:
        """Position up to which frames were taken."""
        return self._endpointer.received

    @property
    def speaker_power(self) -> float:
        """How loud the speaker is, as far as frames were taken."""
        return self._detector.speaker_power_at(self.heard)

    @property
    def silent_until(self) -> int:
        """Position before which no utterance that opens from now on can start."""
        settings = self._settings
        # An utterance starts before the speech that opens it, or at a cut up to a pause before.
        reach = max(settings.pre_roll + settings.min_speech, settings.silence_to_endpoint)
        return max(self.origin, self.heard - samples(reach) - FRAME_SAMPLES)

    def probabilities(self, audio: Float32) -> list[float]:
        """Those of speech in the frames that the samples after `scanned` complete."""
        self.scanned += len(audio)
        return [float(each) for each in self._detector.process(audio).tolist()]

    def last_probabilities(self) -> list[float]:
        """Those of the frame that is not complete, if any."""
        return [float(each) for each in self._detector.flush()]

    def take(self, probability: float) -> Iterable[Event]:
        """Take one frame; tell what it began or ended."""
        return self._endpointer.push(probability)

    def end(self) -> Iterable[Event]:
        """End what is open; tell where."""
        return self._endpointer.flush()
