from __future__ import annotations

from pathlib import Path

import pytest
from config_problems import problems

from captioner.config import load_settings


def test_a_host_that_only_begins_like_loopback_is_not_loopback() -> None:
    assert problems({"listen": "127.0.0.1.example.org:1"})


def test_an_empty_variable_for_a_file_means_none() -> None:
    assert load_settings(environ={"CAPTIONER_TOKEN_FILE": ""}).token_file is None


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load_settings({"models_dir": "~/models"}).models_dir == Path("/home/somebody/models")
