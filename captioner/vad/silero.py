"""Silero voice detection on ONNX Runtime: one network for all streams, one small state for each."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from captioner.errors import ModelError
from captioner.vad import FRAME_SAMPLES
from captioner.vad.onnx_file import read_network
from captioner.vad.silero_graph import HIDDEN, QUARTER, QUARTER_STEP, QUARTERS, graph_of_streams

# ONNX Runtime reports its use over the network unless this is set before it is loaded: turning
# its events off afterwards does not stop it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

CONTEXT_SAMPLES: Final = 64  # samples of the previous frame that the model sees before each frame
MAX_FRAMES_PER_RUN: Final = 1024  # 33 s of audio: bounds the memory of one run
MODEL_FILE: Final = "silero_vad_v6.onnx"
LANES: Final = 2  # rows of the recurrent layer at least: see SileroModel.run_streams
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
    """(128,)"""
    c: NDArray[np.float32]
    """(128,)"""

    @classmethod
    def initial(cls) -> SileroState:
        """The state before the first frame."""
        return cls(np.zeros(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32))


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
                graph_of_streams(read_network(path.read_bytes())),
                options,
                providers=["CPUExecutionProvider"],
            )
        except ModelError as error:
            raise ModelError(f"{path} is {error}") from error
        except _LOAD_ERRORS as error:
            raise ModelError(f"{path} cannot be used: {error}") from error

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
        probabilities, (after,) = self.run_streams(windows[:, np.newaxis], [state])
        return probabilities[:, 0], after

    def run_streams(
        self, windows: Samples, states: Sequence[SileroState]
    ) -> tuple[NDArray[np.float32], list[SileroState]]:
        """Judge as many successive frames of each of several streams.

        A stream's result is the same to the last bit in any company, and alone.

        Args:
            windows: (n, streams, 576): each frame after the 64 samples that precede it.
            states: The state of each stream that the frame before the first one left.

        Returns:
            (n, streams) probabilities, and the states after the last frames.
        """
        times, streams, _ = windows.shape
        if times * streams == 1:  # a product with a single row is rounded in another way
            twice = np.concatenate((windows, windows), axis=1)
            probabilities, after = self.run_streams(twice, [*states, *states])
            return probabilities[:, :1], after[:1]
        padding = [states[0]] * (LANES - streams)  # for the same reason
        rows = [*states, *padding]
        inputs = {
            "windows": _quarters(windows.reshape(-1, _WINDOW)),
            "streams": np.array((times, streams, HIDDEN)),
            "lanes": np.array((1, len(rows), HIDDEN)),
            "h": np.stack([state.h for state in rows])[np.newaxis],
            "c": np.stack([state.c for state in rows])[np.newaxis],
        }
        probabilities, h, c = self._session.run(None, inputs)
        # Copies: a stream that falls silent must not keep the states of all others in memory.
        after = [SileroState(h[0, row].copy(), c[0, row].copy()) for row in range(streams)]
        return probabilities.reshape(times, len(rows))[:, :streams], after


def _quarters(windows: Samples) -> Samples:
    """Cut windows into the places of the Fourier transform: (n, 576) to (4, n, 256).

    The last place reaches 64 samples beyond the window, which is mirrored there.
    """
    mirrored = np.concatenate((windows, windows[:, -2 : -2 - CONTEXT_SAMPLES : -1]), axis=1)
    row, sample = mirrored.strides
    return np.ascontiguousarray(
        np.lib.stride_tricks.as_strided(
            mirrored,
            shape=(QUARTERS, len(windows), QUARTER),
            strides=(QUARTER_STEP * sample, row, sample),
            writeable=False,
        )
    )


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
        probabilities, state = self._model.run(self.windows(frames), self._state)
        self.remember(frames, state)
        return probabilities

    @property
    def state(self) -> SileroState:
        """The state that the last frame left."""
        return self._state

    def windows(self, frames: Samples) -> Samples:
        """Put before each frame the samples that precede it: (n, 512) to (n, 576)."""
        windows = np.empty((len(frames), _WINDOW), np.float32)
        windows[:, CONTEXT_SAMPLES:] = frames
        windows[0, :CONTEXT_SAMPLES] = self._context
        windows[1:, :CONTEXT_SAMPLES] = frames[:-1, -CONTEXT_SAMPLES:]
        return windows

    def remember(self, frames: Samples, state: SileroState) -> None:
        """Go on after frames that were judged, from the state that they left."""
        self._context = frames[-1, -CONTEXT_SAMPLES:].copy()
        self._state = state
