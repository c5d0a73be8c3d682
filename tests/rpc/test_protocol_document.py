"""docs/protocol.md says what the code does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.status import _TABLE

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "code", "reason"), _TABLE, ids=[row[2] for row in _TABLE])
def test_each_status_and_reason_is_in_the_table(kind: type, code: object, reason: str) -> None:
    name = getattr(code, "name", "")
    rows = [line for line in TEXT.splitlines() if line.startswith(f"| `{name}`")]
    assert any(f"`{reason}`" in row for row in rows)


@pytest.mark.parametrize(
    "message", [pb.StreamCaptionsRequest, pb.StreamCaptionsResponse, pb.WatchCaptionsResponse]
)
def test_each_message_of_a_call_that_lasts_is_explained(
    message: type[pb.StreamCaptionsRequest | pb.StreamCaptionsResponse | pb.WatchCaptionsResponse],
) -> None:
    rows = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    for field in message.DESCRIPTOR.fields:
        assert f"`{field.name}`" in rows


def test_the_example_in_python_is_python() -> None:
    [example] = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    names = [
        alias.name
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.ImportFrom) and node.module == "captioner.rpc.client"
        for alias in node.names
    ]
    import captioner.rpc.client

    assert names
    assert set(names) <= set(captioner.rpc.client.__all__)
