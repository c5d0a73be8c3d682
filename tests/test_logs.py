from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from captioner import logs

CANARY = "le perroquet violet chante à minuit"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_hold_the_event_and_what_is_bound_to_it() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream=stream)
    with structlog.contextvars.bound_contextvars(session="s1"):
        structlog.stdlib.get_logger("captioner").info("session opened", rate=16_000)
    [line] = lines(stream)
    assert line.pop("timestamp")
    assert line == {"event": "session opened", "level": "info", "rate": 16_000, "session": "s1"}


def test_levels_below_the_one_asked_for_are_not_written() -> None:
    stream = io.StringIO()
    logs.configure("warning", "json", stream=stream)
    structlog.stdlib.get_logger("captioner").info("not written")
    structlog.stdlib.get_logger("captioner").warning("written")
    assert [line["event"] for line in lines(stream)] == ["written"]


def test_messages_of_libraries_take_the_same_form() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream=stream)
    logging.getLogger("some.library").warning("%d left", 3)
    [line] = lines(stream)
    assert (line["event"], line["level"]) == ("3 left", "warning")


def test_the_chatter_of_transport_libraries_is_not_written_even_at_debug_level() -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream=stream)
    for name in ("asyncio", "grpc", "uvicorn.error", "httpcore", "websockets.server"):
        logging.getLogger(name).debug(CANARY)
        logging.getLogger(name).info(CANARY)
    assert stream.getvalue() == ""


def fail() -> None:
    try:
        raise ValueError(CANARY)  # noqa: TRY301 - what is logged is a chain of two
    except ValueError as error:
        raise RuntimeError(f"again: {CANARY}") from error


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_is_written_as_classes_and_places_without_its_text(
    log_format: logs.Format,
) -> None:
    stream = io.StringIO()
    logs.configure("debug", log_format, stream=stream)
    try:
        fail()
    except RuntimeError as error:
        structlog.stdlib.get_logger("captioner").exception("failed")
        structlog.stdlib.get_logger("captioner").error("failed", exc_info=error)
        logging.getLogger("some.library").exception("failed")
    text = stream.getvalue()
    assert text.count("RuntimeError") >= 3
    assert "test_logs.py" in text
    assert " fail" in text
    assert "perroquet" not in text


def test_the_members_of_a_group_of_exceptions_are_written() -> None:
    group = ExceptionGroup("several", [KeyError(CANARY)])
    assert logs.places(group) == ["group member KeyError"]


def test_auto_means_json_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    logs.configure("info", "auto", stream=stream)
    structlog.stdlib.get_logger("captioner").info("hello")
    assert lines(stream)[0]["event"] == "hello"
