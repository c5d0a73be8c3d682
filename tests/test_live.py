from __future__ import annotations

import pytest

from captioner.audio.format import AudioFormat, Encoding
from captioner.errors import InvalidRequest
from captioner.live import check_audio_size, check_key_terms, check_length, check_seconds


@pytest.mark.parametrize(
    ("audio_format", "allowed"),
    [
        (AudioFormat(Encoding.LINEAR16, 16_000), 32_000),
        (AudioFormat(Encoding.LINEAR16, 16_000, 2), 64_000),
        (AudioFormat(Encoding.MULAW, 8_000), 8_000),
        (AudioFormat(Encoding.FLOAT32, 48_000), 65_536),
        (AudioFormat(Encoding.OPUS, 48_000), 65_536),
    ],
)
def test_a_message_holds_at_most_a_second_of_audio_and_at_most_the_bytes_allowed(
    audio_format: AudioFormat, allowed: int
) -> None:
    check_audio_size(allowed, audio_format, 65_536, field="audio")
    with pytest.raises(InvalidRequest, match="expected no more than") as refused:
        check_audio_size(allowed + 1, audio_format, 65_536, field="audio")
    assert refused.value.violations[0].field == "audio"


def test_a_text_may_have_as_many_characters_as_its_limits_say() -> None:
    assert check_length("room", "é" * 128, 1, 128) == "é" * 128
    for text in ("", "é" * 129):
        with pytest.raises(InvalidRequest, match=f"room has {len(text)} characters") as refused:
            check_length("room", text, 1, 128)
        assert refused.value.violations[0].field == "room"


def test_key_terms_are_neither_too_many_nor_too_long_nor_empty() -> None:
    assert check_key_terms(("x" * 64,) * 100) == ("x" * 64,) * 100
    for terms in (("x",) * 101, ("x", ""), ("x", "x" * 65)):
        with pytest.raises(InvalidRequest, match="expected"):
            check_key_terms(terms)


@pytest.mark.parametrize("seconds", [0.1, 3.1])
def test_a_duration_beyond_its_limits_is_refused(seconds: float) -> None:
    with pytest.raises(InvalidRequest, match=f"{seconds:g} s, expected 0.2 s to 3 s") as refused:
        check_seconds("silence", seconds, (0.2, 3.0))
    assert refused.value.violations[0].field == "endpointing.silence"
