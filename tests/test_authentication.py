from __future__ import annotations

import os
from pathlib import Path

import pytest

from captioner.authentication import MAX_TOKEN_BYTES, TokenFile, bearer_token
from captioner.errors import ConfigError, Unauthenticated, Unavailable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("# the media server\nalpha-1\n\n  beta-2  \n")
    return path


def rewrite(path: Path, text: str) -> None:
    """Another content and a later time, whatever the resolution of the file system's clock."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.mark.parametrize("token", ["alpha-1", "beta-2"])
def test_each_token_of_the_file_is_accepted(path: Path, token: str) -> None:
    TokenFile(path).check(f"Bearer {token}")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_the_scheme_is_accepted_in_any_case(path: Path, scheme: str) -> None:
    TokenFile(path).check(f"{scheme} alpha-1")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "alpha-1",
        "Bearer",
        "Bearer ",
        "Basic alpha-1",
        "Bearer alpha",
        "Bearer alpha-11",
        "Bearer # the media server",
        "Bearer beta-2 alpha-1",
        "Bearer caf\u00e9",
    ],
)
def test_anything_else_is_refused(path: Path, authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        TokenFile(path).check(authorization)


def test_a_refusal_does_not_repeat_the_token(path: Path) -> None:
    with pytest.raises(Unauthenticated) as refused:
        TokenFile(path).check("Bearer alpha-secret")
    assert "alpha" not in str(refused.value)


def test_a_token_of_4_kib_is_read_and_a_longer_one_is_not() -> None:
    assert bearer_token("Bearer " + "x" * MAX_TOKEN_BYTES) == "x" * MAX_TOKEN_BYTES
    with pytest.raises(Unauthenticated, match="4097"):
        bearer_token("Bearer " + "x" * (MAX_TOKEN_BYTES + 1))


def test_tokens_are_added_and_revoked_by_rewriting_the_file(path: Path) -> None:
    tokens = TokenFile(path)
    rewrite(path, "gamma-3\n")
    tokens.check("Bearer gamma-3")
    with pytest.raises(Unauthenticated):
        tokens.check("Bearer alpha-1")


def test_everybody_is_refused_once_the_file_is_empty(path: Path) -> None:
    tokens = TokenFile(path)
    rewrite(path, "")
    with pytest.raises(Unauthenticated):
        tokens.check("Bearer alpha-1")


def test_nobody_is_accepted_while_the_file_is_gone_and_everybody_may_retry(path: Path) -> None:
    tokens = TokenFile(path)
    path.unlink()
    with pytest.raises(Unavailable):
        tokens.check("Bearer alpha-1")
    path.write_text("alpha-1")
    tokens.check("Bearer alpha-1")


def test_a_file_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        TokenFile(tmp_path / "none")


def test_a_file_without_a_token_is_told_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# nobody yet\n\n")
    with pytest.raises(ConfigError, match="holds no token"):
        TokenFile(path)
