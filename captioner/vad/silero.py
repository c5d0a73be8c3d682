"""Silero voice detection on ONNX Runtime: one session for all streams, one small state for each."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from captioner.errors import ModelError
from captioner.vad import FRAME_SAMPLES

# ONNX Runtime reports its use over the network unless this is set before it is loaded: turning
# its events off afterwards does not stop it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

CONTEXT_SAMPLES: Final = 64  # samples of the previous frame that the model sees before each frame
STATE_SHAPE: Final = (1, 1, 128)  # of the recurrent layer; the middle 1 is a batch of one stream
MAX_FRAMES_PER_RUN: Final = 1024  # 33 s of audio: bounds the memory of one run
MODEL_FILE: Final = "silero_vad_v6.onnx"
_WINDOW = CONTEXT_SAMPLES + FRAME_SAMPLES
# ONNX Runtime's own exceptions for a file that it cannot take; they share no base class.
_LOAD_ERRORS: Final = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NoSuchFile,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SileroState:
    """What the recurrent layer remembers between two frames of one stream."""

    h: NDArray[np.float32]
    c: NDArray[np.float32]

    @classmethod
    def initial(cls) -> SileroState:
        """The state before the first frame."""
        return cls(np.zeros(STATE_SHAPE, np.float32), np.zeros(STATE_SHAPE, np.float32))


def bundled_model_path() -> Path:
    """Locate the Silero file that the faster-whisper distribution ships, without importing it.

    Raises:
        ModelError: faster-whisper is not installed, or does not hold the file.
    """
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise ModelError(f"{MODEL_FILE} ships inside faster-whisper, which is not installed")
    path = Path(spec.origin).parent / "assets" / MODEL_FILE
    if not path.is_file():
        raise ModelError(f"the installed faster-whisper has no voice detector at {path}")
    return path


class SileroModel:
    """The loaded network, without the state of any stream; its calls may come from any thread."""

    def __init__(self, path: Path) -> None:
        """Load the network.

        Raises:
            ModelError: The file is missing, is not ONNX, or is another network.
        """
        if not path.is_file():
            raise ModelError(f"no voice detector at {path}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except _LOAD_ERRORS as error:
            raise ModelError(f"{path} is not a readable ONNX file: {error}") from error
        shapes = {entry.name: list(entry.shape)[1:] for entry in self._session.get_inputs()}
        if shapes != {"input": [_WINDOW], "h": [1, 128], "c": [1, 128]}:
            raise ModelError(f"{path} is not Silero v6: its inputs are {shapes}")

    @classmethod
    def bundled(cls) -> SileroModel:
        """Load the file that faster-whisper ships; raises ``ModelError`` when it is missing."""
        return cls(bundled_model_path())

    def run(self, windows: Samples, state: SileroState) -> tuple[NDArray[np.float32], SileroState]:
        """Judge successive frames of one stream.

        Args:
            windows: (n, 576): each frame after the 64 samples that precede it.
            state: The state that the frame before the first one left.

        Returns:
            (n,) probabilities, and the state after the last frame.
        """
        inputs = {"input": windows, "h": state.h, "c": state.c}
        probabilities, h, c = self._session.run(None, inputs)
        return probabilities.reshape(-1), SileroState(h, c)


class SileroDetector:
    """One stream's speech probabilities, frame by frame."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self.reset()

    def probabilities(self, frames: Samples) -> NDArray[np.float32]:
        """Judge the next frames; any split into calls gives the same probabilities.

        Args:
            frames: (n, 512) successive frames in [-1, 1].

        Returns:
            (n,) probabilities of speech.
        """
        if 0 < len(frames) <= MAX_FRAMES_PER_RUN:
            return self._run(frames)
        parts = [
            self._run(frames[first : first + MAX_FRAMES_PER_RUN])
            for first in range(0, len(frames), MAX_FRAMES_PER_RUN)
        ]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def reset(self) -> None:
        """Restart as before the first frame."""
        self._state = SileroState.initial()
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)

    def _run(self, frames: Samples) -> NDArray[np.float32]:
        windows = np.empty((len(frames), _WINDOW), np.float32)
        windows[:, CONTEXT_SAMPLES:] = frames
        windows[0, :CONTEXT_SAMPLES] = self._context
        windows[1:, :CONTEXT_SAMPLES] = frames[:-1, -CONTEXT_SAMPLES:]
        self._context = windows[-1, -CONTEXT_SAMPLES:].copy()
        probabilities, self._state = self._model.run(windows, self._state)
        return probabilities
