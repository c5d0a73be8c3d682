from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from captioner.vad.ahead import AheadDetector, listen_ahead
from captioner.vad.detector import VoiceActivity, VoiceDetector
from captioner.vad.silero import SileroModel

Samples = npt.NDArray[np.float32]


def test_what_was_heard_ahead_is_what_would_have_been_heard(
    model: SileroModel, conversation: Samples
) -> None:
    pieces = [conversation[at : at + 1600] for at in range(20_000, 60_000, 1600)]
    ahead, plain = AheadDetector(VoiceDetector(model)), VoiceDetector(model)

    for number, piece in enumerate(pieces):
        if number % 3:  # the others are heard when they are asked for
            listen_ahead([(ahead, piece)])
        np.testing.assert_array_equal(ahead.process(piece), plain.process(piece))

    np.testing.assert_array_equal(ahead.flush(), plain.flush())


def test_an_answer_is_given_once(model: SileroModel, sentence: Samples) -> None:
    ahead, plain = AheadDetector(VoiceDetector(model)), VoiceDetector(model)
    listen_ahead([(ahead, sentence[:1600])])

    answers = [ahead.process(sentence[:1600]), ahead.process(sentence[1600:4000])]

    np.testing.assert_array_equal(answers[0], plain.process(sentence[:1600]))
    np.testing.assert_array_equal(answers[1], plain.process(sentence[1600:4000]))


def test_a_restart_forgets_what_was_heard_ahead(model: SileroModel, sentence: Samples) -> None:
    ahead, plain = AheadDetector(VoiceDetector(model)), VoiceDetector(model)
    listen_ahead([(ahead, sentence[:1600])])

    ahead.reset(16_000)
    plain.reset(16_000)

    np.testing.assert_array_equal(
        ahead.process(sentence[8_000:9_600]), plain.process(sentence[8_000:9_600])
    )


def test_how_loud_the_speaker_is_is_known_ahead_too(model: SileroModel, sentence: Samples) -> None:
    ahead, plain = AheadDetector(VoiceDetector(model)), VoiceDetector(model)
    listen_ahead([(ahead, sentence[:16_000])])
    ahead.process(sentence[:16_000])
    plain.process(sentence[:16_000])

    power = ahead.speaker_power_at(20 * 512)
    ahead.reset(48_000, speaker_power=power)

    assert power == plain.speaker_power_at(20 * 512) > 0
    assert ahead.speaker_power_at(48_000) == power


def test_other_samples_than_those_heard_ahead_are_refused(model: SileroModel) -> None:
    ahead = AheadDetector(VoiceDetector(model))
    listen_ahead([(ahead, np.zeros(1600, np.float32))])

    with pytest.raises(ValueError, match="1599 samples were asked for, 1600 were heard ahead"):
        ahead.process(np.zeros(1599, np.float32))


def test_a_detector_ahead_is_a_voice_activity(model: SileroModel) -> None:
    activity: VoiceActivity = AheadDetector(VoiceDetector(model))

    assert len(activity.process(np.zeros(512, np.float32))) == 1
