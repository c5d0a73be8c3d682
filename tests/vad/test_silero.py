from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthesis import noise

from captioner.errors import ModelError
from captioner.vad import silero
from captioner.vad.silero import (
    SileroDetector,
    SileroModel,
    SileroState,
    bundled_model_path,
)

Samples = npt.NDArray[np.float32]


def frames_of(samples: Samples) -> Samples:
    return samples[: len(samples) // 512 * 512].reshape(-1, 512)


def test_speech_is_told_from_silence_and_noise(model: SileroModel, sentence: Samples) -> None:
    speech = SileroDetector(model).probabilities(frames_of(sentence[8_000:40_000]))
    silence = SileroDetector(model).probabilities(np.zeros((50, 512), np.float32))
    hiss = SileroDetector(model).probabilities(frames_of(noise(25_600)))

    assert np.median(speech) > 0.9
    assert silence.max() < 0.2
    assert hiss.max() < 0.35


def test_the_rebuilt_network_judges_as_the_one_in_the_file(
    model: SileroModel, conversation: Samples
) -> None:
    frames = frames_of(conversation)
    session = onnxruntime.InferenceSession(
        str(bundled_model_path()), providers=["CPUExecutionProvider"]
    )
    state = np.zeros((1, 1, 128), np.float32)
    windows = SileroDetector(model).windows(frames)

    expected, _, _ = session.run(None, {"input": windows, "h": state, "c": state})

    np.testing.assert_allclose(
        SileroDetector(model).probabilities(frames), expected.ravel(), rtol=0, atol=1e-4
    )
    assert expected.max() > 0.9


@settings(max_examples=30)
@given(times=st.integers(1, 12), streams=st.integers(1, 40), seed=st.integers(0, 1000))
def test_a_stream_is_judged_in_company_as_it_is_alone(
    model: SileroModel, conversation: Samples, times: int, streams: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    starts = random.integers(0, len(conversation) - 576 * times, streams)
    windows = np.stack(
        [conversation[at : at + 576 * times].reshape(times, 576) for at in starts], axis=1
    )
    states = [
        SileroState(*random.normal(0, 0.3, (2, 128)).astype(np.float32)) for _ in range(streams)
    ]

    together, after = model.run_streams(windows, states)

    for stream, state in enumerate(states):
        alone, after_alone = model.run(np.ascontiguousarray(windows[:, stream]), state)
        np.testing.assert_array_equal(together[:, stream], alone)
        np.testing.assert_array_equal(after[stream].h, after_alone.h)
        np.testing.assert_array_equal(after[stream].c, after_alone.c)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 100), max_size=30))
def test_successive_calls_give_what_one_call_gives(
    model: SileroModel, sentence: Samples, cuts: list[int]
) -> None:
    frames = frames_of(sentence)[:100]
    edges = [0, *sorted(cuts), len(frames)]
    detector = SileroDetector(model)

    parts = [detector.probabilities(frames[start:end]) for start, end in pairwise(edges)]

    expected = SileroDetector(model).probabilities(frames)
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_more_frames_than_one_run_takes_are_judged_in_several(
    model: SileroModel, sentence: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = frames_of(sentence)[:50]
    expected = SileroDetector(model).probabilities(frames)

    monkeypatch.setattr(silero, "MAX_FRAMES_PER_RUN", 7)

    np.testing.assert_array_equal(SileroDetector(model).probabilities(frames), expected)


def test_no_frames_give_no_probabilities(model: SileroModel) -> None:
    probabilities = SileroDetector(model).probabilities(np.empty((0, 512), np.float32))

    assert probabilities.shape == (0,)
    assert probabilities.dtype == np.float32


def test_a_reset_detector_judges_like_a_new_one(model: SileroModel, sentence: Samples) -> None:
    frames = frames_of(sentence)
    detector = SileroDetector(model)
    first = detector.probabilities(frames)

    detector.reset()

    np.testing.assert_array_equal(detector.probabilities(frames), first)


def test_streams_on_several_threads_do_not_disturb_each_other(
    model: SileroModel, sentence: Samples
) -> None:
    frames = frames_of(sentence)
    expected = SileroDetector(model).probabilities(frames)

    def judge_in_small_calls(_: int) -> Samples:
        detector = SileroDetector(model)
        return np.concatenate([detector.probabilities(frame[np.newaxis]) for frame in frames])

    with ThreadPoolExecutor(4) as threads:
        for probabilities in threads.map(judge_in_small_calls, range(8)):
            np.testing.assert_array_equal(probabilities, expected)


def test_the_bundled_file_is_found_without_importing_faster_whisper() -> None:
    program = (
        "import sys; from captioner.vad.silero import SileroModel; SileroModel.bundled(); "
        "print('faster_whisper' in sys.modules, 'ctranslate2' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]


def test_without_faster_whisper_the_error_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ModelError, match="faster-whisper, which is not installed"):
        bundled_model_path()


def test_a_faster_whisper_without_the_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = importlib.machinery.ModuleSpec(
        "faster_whisper", None, origin=str(tmp_path / "__init__.py")
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)

    with pytest.raises(ModelError, match=r"assets/silero_vad_v6\.onnx"):
        SileroModel.bundled()


def test_a_missing_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no voice detector at .*absent\.onnx"):
        SileroModel(tmp_path / "absent.onnx")


@pytest.mark.parametrize("size", [0, 1, 1000, 600_000])
def test_a_truncated_file_is_a_model_error(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(bundled_model_path().read_bytes()[:size])

    with pytest.raises(ModelError, match="not a readable ONNX file"):
        SileroModel(path)


def test_a_file_that_is_not_onnx_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("ceci n'est pas un modèle")

    with pytest.raises(ModelError, match="not a readable ONNX file"):
        SileroModel(path)


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    # The same graph with the input `h` renamed, which keeps the lengths of all fields.
    original = bundled_model_path().read_bytes()
    path.write_bytes(original.replace(b"\n\x05input", b"\n\x05sound").replace(b"input", b"sound"))

    with pytest.raises(ModelError, match="not Silero v6"):
        SileroModel(path)


def test_the_runtime_reports_its_use_to_nobody(tmp_path: Path) -> None:
    # What it would send it gathers in the folder for temporary files first.
    program = "import captioner.vad.silero; captioner.vad.silero.SileroModel.bundled()"
    folders = {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment = {
        name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"
    }
    subprocess.run([sys.executable, "-c", program], check=True, env=environment | folders)
    assert list(tmp_path.rglob("*")) == []
