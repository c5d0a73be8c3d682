from __future__ import annotations

import inspect

import pytest

from captioner import errors
from captioner.errors import (
    CaptionerError,
    FieldViolation,
    InvalidRequest,
    ResourceExhausted,
    Unavailable,
    UnsupportedAudio,
)

CLASSES = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, Exception) and error is not CaptionerError
]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_is_part_of_the_tree_and_drawn_in_it(error: type[Exception]) -> None:
    assert issubclass(error, CaptionerError)
    assert errors.__doc__ is not None
    assert f"── {error.__name__} " in errors.__doc__


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_says_what_it_was_given(error: type[Exception]) -> None:
    assert str(error("received 5 s, expected 3")) == "received 5 s, expected 3"


def test_a_bad_field_is_named() -> None:
    error = UnsupportedAudio("channels is 9, at most 8", field="channels")

    assert error.violations == (FieldViolation("channels", "channels is 9, at most 8"),)


def test_a_request_that_is_wrong_as_a_whole_names_no_field() -> None:
    assert InvalidRequest("the stream is empty").violations == ()


def test_errors_that_pass_say_when_to_come_back() -> None:
    assert ResourceExhausted("full", retry_after=3.0, subject="room").retry_after == 3.0
    assert ResourceExhausted("full").subject == ""
    assert Unavailable("draining", retry_after=0.5).retry_after == 0.5
