"""ONNX files, as far as rebuilding a small network needs: its weights out, a new graph in.

The messages are those of the ONNX format (https://onnx.ai, ``onnx.proto``), with the fields that
are used here; the package ``onnx``, which has them all, would be a compiler's worth of dependency.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from numpy.typing import NDArray

from captioner.errors import ModelError

IR_VERSION: Final = 8
OPERATORS: Final = 18  # version of ONNX's set of operators
FLOAT: Final = 1
INT64: Final = 7
_TYPES: Final = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}
_ATTRIBUTE_INT: Final = 2

_PACKAGE: Final = "captioner.onnx"
_INT: Final = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
_TEXT: Final = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_BYTES: Final = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_MESSAGES: Final[dict[str, dict[str, tuple[int, int | str, bool]]]] = {
    # field: number, type (another message by its name), whether it is repeated
    "Model": {
        "ir_version": (1, _INT, False),
        "graph": (7, "Graph", False),
        "opset_import": (8, "OperatorSet", True),
    },
    "OperatorSet": {"version": (2, _INT, False)},
    "Graph": {
        "node": (1, "Node", True),
        "name": (2, _TEXT, False),
        "initializer": (5, "Tensor", True),
        "input": (11, "Value", True),
        "output": (12, "Value", True),
    },
    "Node": {
        "input": (1, _TEXT, True),
        "output": (2, _TEXT, True),
        "op_type": (4, _TEXT, False),
        "attribute": (5, "Attribute", True),
    },
    "Attribute": {
        "name": (1, _TEXT, False),
        "i": (3, _INT, False),
        "type": (20, _INT, False),
    },
    "Tensor": {
        "dims": (1, _INT, True),
        "data_type": (2, _INT, False),
        "name": (8, _TEXT, False),
        "raw_data": (9, _BYTES, False),
    },
    "Value": {"name": (1, _TEXT, False), "type": (2, "Type", False)},
    "Type": {"tensor_type": (1, "TensorType", False)},
    "TensorType": {"elem_type": (1, _INT, False), "shape": (2, "Shape", False)},
    "Shape": {"dim": (1, "Dimension", True)},
    "Dimension": {"dim_value": (1, _INT, False), "dim_param": (2, _TEXT, False)},
}


@dataclass(frozen=True, slots=True)
class Network:
    """What a file holds."""

    inputs: dict[str, tuple[int, ...]]
    """The shape of each input; 0 where it is free."""
    weights: dict[str, NDArray[np.float32]]
    """Its constants of single precision."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of a graph."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, int] = field(default_factory=dict)


def read_network(data: bytes) -> Network:
    """Read the weights of a network.

    Raises:
        ModelError: the bytes are no ONNX file.
    """
    try:
        model = _classes()["Model"].FromString(data)
    except message.DecodeError as error:
        raise ModelError(f"not a readable ONNX file: {error}") from error
    if not model.HasField("graph") or not model.graph.node:
        raise ModelError("not a readable ONNX file: it holds no graph")
    inputs = {
        value.name: tuple(each.dim_value for each in value.type.tensor_type.shape.dim)
        for value in model.graph.input
    }
    weights = {
        tensor.name: np.frombuffer(tensor.raw_data, "<f4").reshape(tuple(tensor.dims))
        for tensor in model.graph.initializer
        if tensor.data_type == FLOAT and tensor.raw_data
    }
    return Network(inputs, weights)


def write_network(
    nodes: Sequence[Node],
    *,
    constants: Mapping[str, NDArray[Any]],
    inputs: Mapping[str, tuple[int, Sequence[int]]],
    outputs: Sequence[str],
) -> bytes:
    """Write a graph as the bytes of an ONNX file.

    Args:
        nodes: In an order in which they can be computed.
        constants: Of single precision, or 64-bit integers.
        inputs: The type (`FLOAT` or `INT64`) and the shape of each; 0 where it is free.
        outputs: Names of values of single precision.
    """
    model = _classes()["Model"](ir_version=IR_VERSION, opset_import=[{"version": OPERATORS}])
    model.graph.name = "network"
    for node in nodes:
        model.graph.node.add(
            op_type=node.operator,
            input=node.inputs,
            output=node.outputs,
            attribute=[
                {"name": name, "i": value, "type": _ATTRIBUTE_INT}
                for name, value in node.attributes.items()
            ],
        )
    for name, array in constants.items():
        model.graph.initializer.add(
            name=name, dims=array.shape, data_type=_TYPES[array.dtype], raw_data=array.tobytes()
        )
    for name, (kind, shape) in inputs.items():
        tensor = model.graph.input.add(name=name).type.tensor_type
        tensor.elem_type = kind
        for number, size in enumerate(shape):
            dimension = tensor.shape.dim.add()
            if size:
                dimension.dim_value = size
            else:
                dimension.dim_param = f"{name}_{number}"
    for name in outputs:
        model.graph.output.add(name=name).type.tensor_type.elem_type = FLOAT
    data: bytes = model.SerializeToString()
    return data


@functools.cache
def _classes() -> dict[str, Any]:
    """The class of each message."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE)
    kinds = descriptor_pb2.FieldDescriptorProto
    for message_name, fields in _MESSAGES.items():
        described = file.message_type.add(name=message_name)
        for name, (number, kind, repeated) in fields.items():
            one = described.field.add(name=name, number=number)
            one.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if isinstance(kind, str):
                one.type, one.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                one.type = kinds.Type.ValueType(kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }
