from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthesis import linear16, noise

from captioner.vad.webrtc import WebRtcGate

Samples = npt.NDArray[np.float32]


def verdicts(samples: Samples, gate: WebRtcGate, *, step: int = 512) -> list[bool]:
    return [
        gate.accepts(linear16(samples[start : start + step]))
        for start in range(0, len(samples), step)
    ]


def test_silence_is_rejected() -> None:
    assert not any(verdicts(np.zeros(16_000, np.float32), WebRtcGate()))


def test_faint_steady_noise_is_rejected_once_it_is_known() -> None:
    accepted = verdicts(noise(32_000, amplitude=0.001), WebRtcGate())

    assert not any(accepted[16:])  # half a second


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.03])
def test_speech_is_accepted_at_every_usual_level(sentence: Samples, gain: float) -> None:
    speech = sentence[8_000:40_000] * np.float32(gain)

    accepted = verdicts(speech, WebRtcGate())

    assert np.mean(accepted) > 0.9


@pytest.mark.parametrize("frame_ms", [10, 20, 30])
def test_each_frame_length_hears_speech(sentence: Samples, frame_ms: int) -> None:
    assert any(verdicts(sentence, WebRtcGate(frame_ms=frame_ms)))


def test_less_than_a_gate_frame_is_judged_with_the_next_call(sentence: Samples) -> None:
    speech = linear16(sentence[10_000:10_320])
    gate = WebRtcGate(frame_ms=20)

    assert not gate.accepts(speech[:-2])
    assert gate.accepts(speech[-2:])


@given(cuts=st.lists(st.integers(0, 20_000), max_size=20))
def test_the_cut_into_calls_does_not_change_whether_speech_was_heard(
    sentence: Samples, cuts: list[int]
) -> None:
    pcm = linear16(sentence[:20_000])
    edges = [0, *(2 * cut for cut in sorted(cuts)), len(pcm)]
    whole, pieces = WebRtcGate(), WebRtcGate()

    at_once = whole.accepts(pcm)
    in_pieces = [pieces.accepts(pcm[start:end]) for start, end in pairwise(edges)]

    assert any(in_pieces) == at_once
    # Both have heard the same: they judge what follows alike.
    rest = sentence[20_000:]
    assert verdicts(rest, pieces) == verdicts(rest, whole)


def test_a_reset_gate_judges_like_a_new_one(sentence: Samples) -> None:
    gate = WebRtcGate()
    verdicts(sentence[:10_001], gate)

    gate.reset()

    assert verdicts(sentence, gate) == verdicts(sentence, WebRtcGate())


@pytest.mark.parametrize("frame_ms", [0, 15, 40])
def test_another_frame_length_is_refused(frame_ms: int) -> None:
    with pytest.raises(ValueError, match=f"not {frame_ms} ms"):
        WebRtcGate(frame_ms=frame_ms)


@pytest.mark.parametrize("mode", [-1, 4])
def test_another_mode_is_refused(mode: int) -> None:
    with pytest.raises(ValueError, match=f"not {mode}$"):
        WebRtcGate(mode=mode)
