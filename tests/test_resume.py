from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import ResumeExpired
from captioner.resume import VERSION, ResumePoint, ResumeTokens
from captioner.streaming.actions import Restart

POINT = ResumePoint(
    session="s1",
    room="conseil",
    track="julien",
    language="fr",
    append_only=False,
    position=64_000,
    next_caption=3,
    continuing=True,
    has_text=True,
    speaker_power=0.0123,
)


def signed(*values: object) -> str:
    """What a service of another version would write, that has no token file either."""
    payload = json.dumps(values).encode()
    key = hmac.digest(b"captioner resume token", b"", hashlib.sha256)
    signature = hmac.digest(key, payload, hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(signature + payload).decode().rstrip("=")


@given(
    position=st.integers(0, 2**40),
    power=st.floats(0, 1),
    continuing=st.booleans(),
    append_only=st.booleans(),
)
def test_a_token_names_the_point_to_the_last_bit(
    position: int, power: float, *, continuing: bool, append_only: bool
) -> None:
    point = replace(
        POINT,
        position=position,
        speaker_power=power,
        continuing=continuing,
        append_only=append_only,
    )
    tokens = ResumeTokens([b"clef"])
    assert tokens.read(tokens.write(point)) == point


def test_a_session_goes_on_from_all_that_the_point_knows() -> None:
    assert POINT.restart == Restart(
        position=64_000, next_caption=3, continuing=True, has_text=True, speaker_power=0.0123
    )


def test_a_token_of_the_version_before_has_expired() -> None:
    *known, _ = asdict(POINT).values()  # the level of the speaker came with version 2

    with pytest.raises(ResumeExpired, match=r"is of version 1, this service reads 2"):
        ResumeTokens().read(signed(1, *known))


def test_a_token_that_a_service_of_this_version_signed_is_read() -> None:
    assert ResumeTokens().read(signed(VERSION, *asdict(POINT).values())) == POINT


@pytest.mark.parametrize("token", ["", "AAAA", "é", "a" * 200])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ResumeExpired, match="not a resume token of this service"):
        ResumeTokens().read(token)


def test_tokens_of_every_key_are_read_and_those_of_others_are_not() -> None:
    token = ResumeTokens([b"ancienne"]).write(POINT)

    assert ResumeTokens([b"nouvelle", b"ancienne"]).read(token) == POINT
    with pytest.raises(ResumeExpired, match="its key was revoked"):
        ResumeTokens([b"nouvelle"]).read(token)
