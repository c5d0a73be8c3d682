from __future__ import annotations

from pathlib import Path

from config_problems import problems

from captioner.config import expectation


def test_a_mistyped_setting_in_the_file_is_an_error_that_names_the_nearest(toml: Path) -> None:
    toml.write_text("hopp = 1.0")
    assert problems(file=toml) == [f"hopp = 1.0 in {toml}: no such setting, did you mean hop?"]


def test_a_table_in_the_file_is_an_error(toml: Path) -> None:
    toml.write_text("[captions]\nhop = 1.0")
    assert problems(file=toml) == [
        f"captions = [table] in {toml}: settings stand at the top of the file, not in tables"
    ]


def test_a_mistyped_variable_is_an_error_that_names_the_nearest() -> None:
    assert problems(environ={"CAPTIONER_MODELL": "x"}) == [
        "CAPTIONER_MODELL=x: no such setting, did you mean CAPTIONER_MODEL?"
    ]


def test_a_variable_like_no_setting_is_an_error_without_a_guess() -> None:
    assert problems(environ={"CAPTIONER_QQQ": "x"}) == ["CAPTIONER_QQQ=x: no such setting"]


def test_every_problem_is_told_at_once_a_line_each_with_its_origin(toml: Path) -> None:
    toml.write_text("max_utterance = 60")
    lines = problems(
        {"hop": "9"}, file=toml, environ={"CAPTIONER_WORKERS": "many", "CAPTIONER_DEVICE": "tpu"}
    )
    assert sorted(lines) == [
        "--hop 9: must be a number from 0.1 to 5",
        "CAPTIONER_DEVICE=tpu: must be auto, cpu or cuda",
        "CAPTIONER_WORKERS=many: must be a whole number from 0 to 256",
        f"max_utterance = 60 in {toml}: must be a number from 5 to 28",
    ]


def test_an_expectation_tells_the_kind_and_the_limits() -> None:
    assert expectation("hop") == "a number from 0.1 to 5"
    assert expectation("drain_timeout") == "a number above 0 and at most 3600"
    assert expectation("max_talking") == "a whole number of at least 0"
    assert expectation("insecure") == "true or false"
    assert expectation("token_file") == "a path"
