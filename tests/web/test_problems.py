from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from captioner import errors
from captioner.errors import CaptionerError
from captioner.web.problems import (
    _CODES,
    _TABLE,
    Refused,
    TooLarge,
    close_code_of,
    error_message,
    from_starlette,
    problem,
    status_of,
)


def values_of(response: Response) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(bytes(response.body))
    return values


def test_a_problem_says_what_is_wrong_with_which_field() -> None:
    response = problem(errors.InvalidRequest("room has 0 characters", field="room"))
    assert response.status_code == 400
    assert response.media_type == "application/problem+json"
    assert values_of(response) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "INVALID_REQUEST",
        "detail": "room has 0 characters",
        "errors": [{"field": "room", "detail": "room has 0 characters"}],
    }


@pytest.mark.parametrize(("wait", "header"), [(0.2, "1"), (1.0, "1"), (2.5, "3")])
def test_a_problem_that_passes_says_when_to_try_again(wait: float, header: str) -> None:
    response = problem(errors.Unavailable("draining", retry_after=wait))
    assert response.status_code == 503
    assert response.headers["retry-after"] == header
    assert values_of(response)["retry_after"] == wait


def test_who_has_no_token_is_told_how_to_show_one() -> None:
    assert problem(errors.Unauthenticated("no")).headers["www-authenticate"] == "Bearer"


def test_every_error_of_the_contract_has_its_own_row() -> None:
    rows = {kind for kind, _, _, _ in _TABLE}
    local = {errors.ModelError, errors.DownloadError, errors.ConfigError}
    contract = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, CaptionerError)
    }
    assert rows == contract - local - {CaptionerError}
    codes = [code for *_, code in _TABLE]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", [errors.ModelError("x"), errors.ConfigError("x")])
def test_an_error_that_no_client_is_meant_to_see_is_internal(error: CaptionerError) -> None:
    assert (status_of(error), close_code_of(error)) == (500, 1011)


def test_a_message_that_is_too_large_has_a_close_code_of_its_own() -> None:
    assert (status_of(TooLarge("x")), close_code_of(TooLarge("x"))) == (413, 1009)


def test_the_last_message_of_a_websocket_says_the_same_as_a_problem() -> None:
    assert error_message(errors.InvalidRequest("bad", field="mode")) == {
        "type": "error",
        "code": "INVALID_REQUEST",
        "message": "bad",
        "field": "mode",
    }
    assert error_message(errors.TooFast("12 s ahead", retry_after=2.0))["retry_after"] == 2.0


def test_what_the_router_refuses_is_said_so_that_people_know_what_to_do() -> None:
    refused = from_starlette(HTTPException(405, headers={"Allow": "GET"}))
    assert str(refused) == "this method is not allowed here: use GET"
    assert problem(refused).headers["allow"] == "GET"
    assert "docs/http.md" in str(from_starlette(HTTPException(404)))
    assert str(from_starlette(HTTPException(415, "odd"))) == "odd"


def test_the_document_has_each_code_with_its_status_and_close_code(root: Path) -> None:
    text = (root / "docs" / "http.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| (\d+) \| (\d*) ?\|", text, re.MULTILINE)
    written = {
        code: (int(status), int(close) if close else None)
        for codes, status, close in rows
        for code in re.findall(r"[A-Z_]+", codes)
    }
    known: dict[str, tuple[int, int | None]] = {
        code: (status, close) for _, status, close, code in _TABLE
    }
    known |= {code: (status, None) for status, code in _CODES.items() if code not in known}
    known |= {"TOO_LARGE": (413, 1009), "INTERNAL": (500, 1011)}
    assert written == known


def test_a_refusal_of_http_has_a_code() -> None:
    for status in _CODES:
        assert values_of(problem(Refused(status, "x")))["status"] == status
