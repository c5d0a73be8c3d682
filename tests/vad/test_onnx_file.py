from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import ModelError
from captioner.vad.onnx_file import FLOAT, INT64, Node, read_network, write_network
from captioner.vad.silero import bundled_model_path
from captioner.vad.silero_graph import graph_of_streams

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)


def small_network() -> bytes:
    return write_network(
        [
            Node("MatMul", ("x", "weight"), ("product",)),
            Node("Concat", ("product", "product"), ("doubled",), {"axis": 1}),
            Node("Reshape", ("doubled", "shape"), ("y",)),
        ],
        constants={"weight": WEIGHT},
        inputs={"x": (FLOAT, (0, 3)), "shape": (INT64, (2,))},
        outputs=("y",),
    )


def test_the_runtime_computes_a_graph_that_was_written() -> None:
    session = onnxruntime.InferenceSession(small_network(), providers=["CPUExecutionProvider"])
    x = np.array([[1, 0, 2], [0, 1, 0]], np.float32)

    (y,) = session.run(None, {"x": x, "shape": np.array((1, 8))})

    np.testing.assert_array_equal(y, np.hstack((x @ WEIGHT, x @ WEIGHT)).reshape(1, 8))
    assert [entry.shape for entry in session.get_inputs()] == [["x_0", 3], [2]]


def test_what_was_written_can_be_read() -> None:
    network = read_network(small_network())

    assert network.inputs == {"x": (0, 3), "shape": (2,)}
    assert list(network.weights) == ["weight"]
    np.testing.assert_array_equal(network.weights["weight"], WEIGHT)


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_network_are_a_model_error(data: bytes) -> None:
    with pytest.raises(ModelError, match="not a readable ONNX file"):
        read_network(data)


def test_a_network_with_a_weight_of_another_shape_is_not_silero() -> None:
    network = read_network(bundled_model_path().read_bytes())
    network.weights["decoder.conv1d.bias"] = np.zeros(2, np.float32)

    with pytest.raises(ModelError, match="not Silero v6"):
        graph_of_streams(network)
