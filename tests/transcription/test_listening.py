from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from transcription_fakes import Blocks, Samples, ToneDetector, tones

from captioner.audio.mel import log_mel
from captioner.errors import UnsupportedAudio
from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.listening import STEP, Listener, PreparedWindow, RowSettings, part_of
from captioner.transcription.plan import PlanSettings
from captioner.transcription.recording import Recording

RULE = WindowRule(padded=False, silence=4.0, minimum=20.0)
ROWS = RowSettings(n_mels=80, window=RULE, language="fr", key_terms=("ANCT",), beam_size=3)


def listener(recording: Recording) -> Listener:
    return Listener(recording, ToneDetector(), plan=PlanSettings(), rows=ROWS)


def hear(samples: Samples, *, block: int = SAMPLE_RATE) -> list[PreparedWindow]:
    listening = listener(Blocks([samples[i : i + block] for i in range(0, len(samples), block)]))
    windows: list[PreparedWindow] = []
    while not listening.over:
        windows += listening.listen()
    assert listening.heard == len(samples)
    return windows


def test_a_row_is_the_window_followed_by_silence() -> None:
    samples = tones(1, 3, 4)
    (window,) = hear(samples)
    row = window.row
    speech = samples[window.plan.start : window.plan.end]
    assert row.speech_frames == len(speech) // 160
    assert row.features.shape == (80, 2000)
    expected = log_mel(speech, silence=20 * SAMPLE_RATE - len(speech))
    np.testing.assert_allclose(row.features, expected, atol=1e-3)
    assert (row.language, row.key_terms, row.beam_size) == ("fr", ("ANCT",), 3)
    assert row.previous == ""


def test_a_long_window_has_the_silence_that_the_model_needs() -> None:
    (window,) = hear(tones(1, 21.5, 4))
    assert window.row.features.shape == (80, 2600)


@pytest.mark.parametrize("block", [160, 5000, 123_457])
def test_windows_do_not_depend_on_how_the_recording_comes(block: int) -> None:
    samples = tones(1, 3, 5, 2, 1, 2, 4, 1)
    expected = hear(samples)
    found = hear(samples, block=block)
    assert [window.plan for window in found] == [window.plan for window in expected]
    for window, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(window.row.features, other.row.features)


def test_speech_at_the_very_end_is_heard() -> None:
    samples = tones(1, 2.0117)  # ends within a frame of the detector
    (window,) = hear(samples)
    assert window.plan.end == len(samples)


def test_a_call_hears_a_few_seconds() -> None:
    listening = listener(Blocks([tones(30)[: SAMPLE_RATE + 7]] * 30))
    listening.listen()
    assert STEP <= listening.heard < STEP + 2 * SAMPLE_RATE
    assert not listening.over


def test_a_recording_of_hours_is_heard_in_bounded_memory() -> None:
    quarter = tones(1, 14, 0.6, 40, 3, 2, 1)

    def audio() -> Iterator[Samples]:
        for _ in range(30):
            yield from (quarter[i : i + SAMPLE_RATE] for i in range(0, len(quarter), SAMPLE_RATE))

    class Long(Blocks):
        def blocks(self) -> Iterator[Samples]:
            return audio()

    listening = listener(Long([]))
    kept = 0
    while not listening.over:
        listening.listen()
        kept = max(kept, listening._mel.end - listening._mel.start)
    assert listening.heard == 30 * len(quarter)
    assert kept < 60 * SAMPLE_RATE


def test_what_breaks_off_is_heard_as_far_as_it_goes() -> None:
    broken = UnsupportedAudio("broken at 4 s")
    listening = listener(Blocks([tones(1, 3)], error=broken))
    (window,) = listening.listen()
    assert window.plan.end == 4 * SAMPLE_RATE
    assert listening.over
    assert listening.error is broken


def test_nothing_is_heard_in_nothing() -> None:
    assert hear(np.empty(0, np.float32)) == []


def test_speech_too_short_for_the_aligner_is_left_out() -> None:
    assert hear(tones(0, 0.03)) == []
    assert len(hear(tones(0, 0.05))) == 1


def test_a_part_of_a_window_is_a_window_of_its_own() -> None:
    samples = tones(1, 3, 1, 4, 3)
    (window,) = hear(samples)
    halves = window.plan.halves()
    assert halves is not None
    for half in halves:
        part = part_of(window, half, RULE)
        assert part.plan == half
        assert part.row.speech_frames == (half.end - half.start) // 160
        speech = samples[half.start : half.end]
        alone = log_mel(speech, silence=20 * SAMPLE_RATE - len(speech))
        assert part.row.features.shape == alone.shape
        inner = slice(4, part.row.speech_frames - 4)
        np.testing.assert_allclose(part.row.features[:, inner], alone[:, inner], atol=0.02)
        assert part.row.features[:, part.row.speech_frames :].max() == part.row.features.min()
        assert part.row.key_terms == ("ANCT",)
