"""Silero's network over many streams at a time, rebuilt from the file that judges only one.

The file as it ships fixes the batch of its recurrent layer to one stream, and its convolutions run
over four positions at most, for which they are a poor fit. Here the convolutions are products of
matrices over all frames of all streams, which takes a third of the time for one stream and a fifth
for many, and the recurrent layer has a row for each stream. The weights are those of the file.

    windows (4, frames, 256)   the four quarters of each frame, frames ordered by time, then stream
      | Fourier transform, magnitude               (4, frames, 129)
      | three positions side by side, layer 0      (4, frames, 128)
      | layers 1 to 3, which narrow four positions to one   (frames, 128)
      | recurrent layer                            (times, streams, 128)
      ' output layer                               (frames,)
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from captioner.errors import ModelError
from captioner.vad.onnx_file import FLOAT, INT64, Network, Node, write_network

WINDOW: Final = 576  # samples: 64 of the frame before, 512 of the frame
QUARTERS: Final = 4  # places of the Fourier transform in a frame, 128 samples apart
QUARTER_STEP: Final = 128
QUARTER: Final = 256  # samples of one transform
HIDDEN: Final = 128
_BINS: Final = QUARTER // 2 + 1

_INPUTS: Final = {"input": (0, WINDOW), "h": (1, 1, HIDDEN), "c": (1, 1, HIDDEN)}
_BASIS: Final = "encoder.feature_extractor.forward_basis_buffer"
_SHAPES: Final = {
    _BASIS: (2 * _BINS, 1, QUARTER),
    "encoder.conv_layers.0.weight": (128, _BINS, 3),
    "encoder.conv_layers.0.bias": (128,),
    "encoder.conv_layers.1.weight": (64, 128, 3),
    "encoder.conv_layers.1.bias": (64,),
    "encoder.conv_layers.2.weight": (64, 64, 3),
    "encoder.conv_layers.2.bias": (64,),
    "encoder.conv_layers.3.weight": (128, 64, 3),
    "encoder.conv_layers.3.bias": (128,),
    "onnx::LSTM_209": (1, 4 * HIDDEN, 128),
    "onnx::LSTM_210": (1, 4 * HIDDEN, HIDDEN),
    "onnx::LSTM_211": (1, 8 * HIDDEN),
    "decoder.conv1d.weight": (1, HIDDEN, 1),
    "decoder.conv1d.bias": (1,),
}

Float32 = NDArray[np.float32]


def graph_of_streams(network: Network) -> bytes:
    """Write the network as a graph over many streams.

    Its inputs are ``windows`` (4, times * streams, 256), ``h`` and ``c`` (1, lanes, 128), and two
    shapes: ``streams`` is (times, streams, 128) and ``lanes`` is (1, lanes, 128). There may be more
    lanes than one stream, which then fills them all.

    Raises:
        ModelError: the network is another one.
    """
    shapes = {name: network.weights[name].shape for name in _SHAPES if name in network.weights}
    if network.inputs != _INPUTS or shapes != _SHAPES:
        raise ModelError(f"not Silero v6: its inputs are {network.inputs}")
    return write_network(
        _nodes(),
        constants=_constants(network.weights),
        inputs={
            "windows": (FLOAT, (QUARTERS, 0, QUARTER)),
            "streams": (INT64, (3,)),
            "lanes": (INT64, (3,)),
            "h": (FLOAT, (1, 0, HIDDEN)),
            "c": (FLOAT, (1, 0, HIDDEN)),
        },
        outputs=("probabilities", "h_after", "c_after"),
    )


def _nodes() -> list[Node]:
    return [
        Node("MatMul", ("windows", "cosines"), ("real",)),
        Node("MatMul", ("windows", "sines"), ("imaginary",)),
        Node("Mul", ("real", "real"), ("real_2",)),
        Node("Mul", ("imaginary", "imaginary"), ("imaginary_2",)),
        Node("Add", ("real_2", "imaginary_2"), ("power",)),
        Node("Sqrt", ("power",), ("middle",)),
        Node("Pad", ("middle", "a_place_on_each_side"), ("padded",)),
        Node("Slice", ("padded", "at_0", "at_4", "at_0"), ("left",)),
        Node("Slice", ("padded", "at_2", "at_6", "at_0"), ("right",)),
        Node("Concat", ("left", "middle", "right"), ("layer_0",), {"axis": 2}),
        Node("MatMul", ("layer_0", "weight_0"), ("summed_0",)),
        Node("Add", ("summed_0", "bias_0"), ("biased_0",)),
        Node("Relu", ("biased_0",), ("out_0",)),
        Node("Split", ("out_0", "each"), ("place_0", "place_1", "place_2", "place_3")),
        Node("Concat", ("place_0", "place_1", "place_2", "place_3"), ("row",), {"axis": 2}),
        Node("Reshape", ("row", "rows_of_512"), ("layer_1",)),
        *(node for number in (1, 2, 3) for node in _dense_nodes(number)),
        Node("Reshape", ("layer_4", "streams"), ("in_time",)),
        Node("Expand", ("in_time", "lanes"), ("in_lanes",)),
        Node(
            "LSTM",
            ("in_lanes", "lstm_input", "lstm_recurrent", "lstm_bias", "", "h", "c"),
            ("heard", "h_after", "c_after"),
            {"hidden_size": HIDDEN},
        ),
        Node("Reshape", ("heard", "rows_of_128"), ("rows",)),
        Node("Relu", ("rows",), ("positive",)),
        Node("Gemm", ("positive", "weight_out", "bias_out"), ("summed",)),
        Node("Sigmoid", ("summed",), ("column",)),
        Node("Reshape", ("column", "flat"), ("probabilities",)),
    ]


def _dense_nodes(number: int) -> tuple[Node, Node]:
    inputs = (f"layer_{number}", f"weight_{number}", f"bias_{number}")
    return (
        Node("Gemm", inputs, (f"summed_{number}",)),
        Node("Relu", (f"summed_{number}",), (f"layer_{number + 1}",)),
    )


def _constants(weights: dict[str, Float32]) -> dict[str, NDArray[Any]]:
    def layer(number: int) -> tuple[Float32, Float32]:
        prefix = f"encoder.conv_layers.{number}"
        return weights[f"{prefix}.weight"], weights[f"{prefix}.bias"]

    basis = weights[_BASIS][:, 0]
    constants: dict[str, NDArray[Any]] = {
        "cosines": basis[:_BINS].T,
        "sines": basis[_BINS:].T,
        "weight_0": layer(0)[0].transpose(2, 1, 0).reshape(3 * _BINS, 128),
        "bias_0": layer(0)[1],
        "weight_1": _as_matrix(layer(1)[0], places=4, stride=2),
        "bias_1": np.tile(layer(1)[1], 2),
        "weight_2": _as_matrix(layer(2)[0], places=2, stride=2),
        "bias_2": layer(2)[1],
        "weight_3": _as_matrix(layer(3)[0], places=1, stride=1),
        "bias_3": layer(3)[1],
        "lstm_input": weights["onnx::LSTM_209"],
        "lstm_recurrent": weights["onnx::LSTM_210"],
        "lstm_bias": weights["onnx::LSTM_211"],
        "weight_out": weights["decoder.conv1d.weight"].reshape(HIDDEN, 1),
        "bias_out": weights["decoder.conv1d.bias"],
        "a_place_on_each_side": np.array((1, 0, 0, 1, 0, 0)),
        "at_0": np.array((0,)),
        "at_2": np.array((2,)),
        "at_4": np.array((4,)),
        "at_6": np.array((6,)),
        "each": np.array((1, 1, 1, 1)),
        "rows_of_512": np.array((-1, 512)),
        "rows_of_128": np.array((-1, HIDDEN)),
        "flat": np.array((-1,)),
    }
    return {name: np.ascontiguousarray(array) for name, array in constants.items()}


def _as_matrix(weight: Float32, *, places: int, stride: int) -> Float32:
    """Write a convolution of width 3 over so few places as one matrix.

    Args:
        weight: (outputs, inputs, 3).
        places: How many it runs over, with one of zeros added on each side.
        stride: Places from one output to the next.

    Returns:
        (places * inputs, output places * outputs).
    """
    outputs, inputs, width = weight.shape
    after = (places - 1) // stride + 1
    matrix = np.zeros((places, inputs, after, outputs), np.float32)
    for output in range(after):
        for tap in range(width):
            place = output * stride + tap - 1
            if 0 <= place < places:
                matrix[place, :, output] = weight[:, :, tap].T
    return matrix.reshape(places * inputs, after * outputs)
