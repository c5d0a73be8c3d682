from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.window import MEL_HOP, PADDED, STEP, needed_frames, window_length
from captioner.models.manifest import WindowRule

SECOND = 16_000
SHORT = WindowRule(padded=False, silence=4.0)

rules = st.builds(
    WindowRule, padded=st.just(False), silence=st.floats(0, 40), minimum=st.floats(0, 40)
)


@pytest.mark.parametrize(
    ("speech", "rule", "seconds"),
    [
        (0, SHORT, 4),
        (1, SHORT, 6),
        (2 * SECOND, SHORT, 6),
        (2 * SECOND + 1, SHORT, 8),
        (26 * SECOND, SHORT, 30),
        (30 * SECOND, SHORT, 30),
        (SECOND, WindowRule(padded=False, silence=4.0, minimum=12.0), 12),
        (SECOND, WindowRule(padded=True), 30),
    ],
)
def test_the_window_is_the_speech_and_its_silence_rounded_up(
    speech: int, rule: WindowRule, seconds: int
) -> None:
    assert window_length(speech, rule) == seconds * SECOND


def test_any_window_can_be_padded() -> None:
    assert window_length(SECOND, SHORT, at_least=PADDED) == PADDED


@given(st.integers(0, PADDED), rules)
def test_there_are_few_lengths_and_each_holds_the_speech(speech: int, rule: WindowRule) -> None:
    length = window_length(speech, rule)

    assert speech <= length <= PADDED
    assert length % STEP == 0
    assert length % (2 * MEL_HOP) == 0  # the encoder halves the frames
    assert length == PADDED or length >= speech + round(rule.silence * SECOND)


def test_speech_longer_than_any_window_is_refused() -> None:
    with pytest.raises(ValueError, match="480001 samples of speech do not fit"):
        window_length(PADDED + 1, SHORT)


@given(speech=st.integers(1, 20 * SECOND // MEL_HOP), rule=rules)
def test_what_is_needed_of_a_window_lies_in_it(speech: int, rule: WindowRule) -> None:
    needed = needed_frames(speech, rule)
    if needed <= PADDED // MEL_HOP:
        assert needed <= window_length(speech * MEL_HOP, rule) // MEL_HOP


def test_the_speech_and_its_silence_are_needed_and_of_some_windows_all() -> None:
    assert needed_frames(250, SHORT) == 650
    assert needed_frames(250, WindowRule(padded=True)) == 0
    assert needed_frames(250, WindowRule(padded=False, silence=4.0, minimum=12.0)) == 0
