from __future__ import annotations

import contextlib
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rpc_fakes import EchoService, settings_with

from captioner import live
from captioner.audio.format import AudioFormat, Encoding
from captioner.errors import InvalidRequest
from captioner.transcript import Caption, Word
from captioner.web.live_messages import (
    End,
    Flush,
    Keepalive,
    MessageWriter,
    Offset,
    Update,
    read_command,
    read_config,
)
from captioner.web.values import dump

FORMAT = {"encoding": "linear16", "sample_rate": 16_000, "channels": 1}
LEAST: dict[str, Any] = {"room": "salle", "track": "micro", "format": FORMAT}


def refused(text: str, field: str, *, command: bool = False) -> str:
    with pytest.raises(InvalidRequest) as caught:
        _ = read_command(text) if command else read_config(text)
    assert [violation.field for violation in caught.value.violations] == [field]
    return str(caught.value)


def config(**changes: Any) -> str:
    return json.dumps(LEAST | changes)


# --- The configuration


def test_a_configuration_needs_a_room_a_track_and_a_format() -> None:
    assert read_config(json.dumps(LEAST)) == live.SessionConfig(
        room="salle", track="micro", audio_format=AudioFormat(Encoding.LINEAR16, 16_000, 1)
    )


def test_a_configuration_may_say_everything() -> None:
    text = config(
        type="config",
        format={"encoding": "float32", "sample_rate": 48_000, "channels": 2},
        speaker="claire",
        speaker_name="Claire Dubois",
        capture_time="2026-11-23T17:00:00.500+01:00",
        language="fr-FR",
        interim_results=False,
        mode="append-only",
        words=True,
        key_terms=["DINUM"],
        endpointing={"silence": 0.8, "max_utterance": 20},
        resume_token="jeton",
    )
    assert read_config(text) == live.SessionConfig(
        room="salle",
        track="micro",
        audio_format=AudioFormat(Encoding.FLOAT32, 48_000, 2),
        speaker_identity="claire",
        speaker_name="Claire Dubois",
        capture_time=1_795_449_600.5,
        language="fr-FR",
        interim_results=False,
        mode=live.Mode.APPEND_ONLY,
        word_times=True,
        key_terms=("DINUM",),
        endpoint_silence=0.8,
        max_utterance=20,
        resume_token="jeton",
    )


@pytest.mark.parametrize("encoding", ["linear16", "float32", "mulaw", "alaw"])
def test_samples_may_be_written_in_these_ways(encoding: str) -> None:
    read = read_config(config(format={"encoding": encoding, "sample_rate": 8000}))
    assert read.audio_format.encoding.value == encoding


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"room": ""}, "room"),
        ({"room": "x" * 129}, "room"),
        ({"room": 7}, "room"),
        ({"room": "\ud800"}, "room"),
        ({"track": ""}, "track"),
        ({"track": "x" * 129}, "track"),
        ({"speaker": "x" * 257}, "speaker"),
        ({"speaker_name": "x" * 257}, "speaker_name"),
        ({"speaker_name": None}, "speaker_name"),
        ({"capture_time": "demain"}, "capture_time"),
        ({"capture_time": "2026-11-23T17:00:00"}, "capture_time"),
        ({"language": "x" * 41}, "language"),
        ({"format": "linear16"}, "format"),
        ({"format": {"encoding": "opus", "sample_rate": 48_000}}, "format.encoding"),
        ({"format": {"sample_rate": 48_000}}, "format.encoding"),
        ({"format": {"encoding": "linear16"}}, "format.sample_rate"),
        ({"format": FORMAT | {"sample_rate": 7999}}, "format.sample_rate"),
        ({"format": FORMAT | {"sample_rate": 48_001}}, "format.sample_rate"),
        ({"format": FORMAT | {"sample_rate": 16_000.5}}, "format.sample_rate"),
        ({"format": FORMAT | {"sample_rate": True}}, "format.sample_rate"),
        ({"format": FORMAT | {"channels": 0}}, "format.channels"),
        ({"format": FORMAT | {"channels": 3}}, "format.channels"),
        ({"format": FORMAT | {"bits": 16}}, "format.bits"),
        ({"interim_results": "yes"}, "interim_results"),
        ({"mode": "fast"}, "mode"),
        ({"mode": ["fast"]}, "mode"),
        ({"words": 1}, "words"),
        ({"key_terms": "DINUM"}, "key_terms"),
        ({"key_terms": [7]}, "key_terms"),
        ({"key_terms": ["\ud800"]}, "key_terms"),
        ({"key_terms": ["x"] * 101}, "key_terms"),
        ({"key_terms": ["x" * 65]}, "key_terms[0]"),
        ({"endpointing": []}, "endpointing"),
        ({"endpointing": {"silence": 0.1}}, "endpointing.silence"),
        ({"endpointing": {"silence": 3.1}}, "endpointing.silence"),
        ({"endpointing": {"silence": math.nan}}, "endpointing.silence"),
        ({"endpointing": {"silence": "0.5"}}, "endpointing.silence"),
        ({"endpointing": {"max_utterance": 4.9}}, "endpointing.max_utterance"),
        ({"endpointing": {"max_utterance": 28.1}}, "endpointing.max_utterance"),
        ({"endpointing": {"pause": 1}}, "endpointing.pause"),
        ({"resume_token": "x" * 4097}, "resume_token"),
        ({"type": "flush"}, "type"),
        ({"rooom": "salle"}, "rooom"),
    ],
)
def test_each_wrong_field_is_named(changes: dict[str, Any], field: str) -> None:
    refused(config(**changes), field)


@pytest.mark.parametrize("missing", ["room", "track", "format"])
def test_a_missing_field_is_named(missing: str) -> None:
    refused(json.dumps({name: it for name, it in LEAST.items() if name != missing}), missing)


def test_an_unknown_field_is_told_what_there_is() -> None:
    assert "rooom is not a field here: there are" in refused(config(rooom="x"), "rooom")


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"config"', "[" * 100_000, "1" * 5000])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        read_config(text)


# --- Commands


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"type":"flush"}', Flush()),
        ('{"type":"end"}', End()),
        ('{"type":"keepalive"}', Keepalive(None)),
        ('{"type":"keepalive","position":1.5}', Keepalive(24_000)),
        ('{"type":"update"}', Update(None, None)),
        ('{"type":"update","language":"en"}', Update("en", None)),
        ('{"type":"update","key_terms":[]}', Update(None, ())),
        ('{"type":"update","key_terms":["DINUM"]}', Update(None, ("DINUM",))),
        ('{"type":"offset","sample":48000}', Offset(48_000)),
    ],
)
def test_commands(text: str, command: object) -> None:
    assert read_command(text) == command


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "type"),
        ("[]", "type"),
        ('{"type":"stop"}', "type"),
        ('{"type":["end"]}', "type"),
        ('{"type":"config"}', "type"),
        ('{"type":"end","now":true}', "now"),
        ('{"type":"keepalive","position":-1}', "position"),
        ('{"type":"keepalive","position":NaN}', "position"),
        ('{"type":"keepalive","position":1e300}', "position"),
        ('{"type":"keepalive","position":"1"}', "position"),
        ('{"type":"update","language":1}', "language"),
        ('{"type":"update","key_terms":["' + "x" * 65 + '"]}', "key_terms[0]"),
        ('{"type":"offset"}', "sample"),
        ('{"type":"offset","sample":-1}', "sample"),
        ('{"type":"offset","sample":1.5}', "sample"),
        ('{"type":"offset","sample":1' + "0" * 400 + "}", "sample"),
    ],
)
def test_a_wrong_command_is_named(text: str, field: str) -> None:
    refused(text, field, command=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
NAMES = st.sampled_from(["type", "room", "track", "format", "key_terms", "endpointing", "position"])


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON) | JSON)
def test_whatever_comes_is_read_or_refused(values: object) -> None:
    for read in (read_config, read_command):
        with contextlib.suppress(InvalidRequest):
            read(json.dumps(values))


# --- What goes


def writer(**changes: Any) -> MessageWriter:
    config = live.SessionConfig(
        room="salle",
        track="micro",
        audio_format=AudioFormat(Encoding.LINEAR16, 48_000),
        speaker_identity="claire",
    )
    config = replace(config, **changes)
    return MessageWriter("s1", config, 1000.0, EchoService().info, settings_with())


WORDS = (Word("bonjour", 16_000, 20_000, 0.91234), Word("été", 20_000, 24_001, 0.5))
CAPTION = Caption(3, 2, 16_000, 24_001, WORDS, 1, final=False, language="fr", appended="été ")


def test_the_first_message_says_what_produces_the_captions_and_what_is_allowed() -> None:
    message = writer().message(live.Started("s1", "jeton", 8001, 4))
    assert message["machine_generated"] is True
    assert message["model"] == "echo"
    assert (message["session"], message["room"], message["track"]) == ("s1", "salle", "micro")
    assert message["resume_token"] == "jeton"
    assert message["resume_from_sample"] == 24_003
    assert message["next_caption"] == 4
    assert message["limits"]["burst"] == 10.0
    assert message["limits"]["message_bytes"] == 65_536


def test_a_resumed_session_may_send_more_at_once() -> None:
    message = writer(resume_token="jeton").message(live.Started("s1", "jeton", 0, 1))
    assert message["limits"]["burst"] == 20.0


def test_a_caption_has_the_names_that_it_has_in_its_room() -> None:
    assert writer().message(live.Captioned(CAPTION)) == {
        "type": "caption",
        "id": "s1-3",
        "revision": 2,
        "track": "micro",
        "speaker": "claire",
        "speaker_id": "claire",
        "start": 1.0,
        "end": 1.5001,
        "wall": "1970-01-01T00:16:41.000Z",
        "text": "bonjour été",
        "committed": 7,
        "final": False,
        "language": "fr",
    }


def test_a_caption_has_words_and_additions_where_they_were_asked_for() -> None:
    message = writer(word_times=True, mode=live.Mode.APPEND_ONLY).message(
        live.Captioned(CAPTION, "jeton")
    )
    assert message["words"] == [
        {"text": "bonjour", "start": 1.0, "end": 1.25, "confidence": 0.9123},
        {"text": "été", "start": 1.25, "end": 1.5001, "confidence": 0.5},
    ]
    assert message["appended"] == "été "
    assert message["resume_token"] == "jeton"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (live.SpeechStarted(8000), {"type": "speech_started", "position": 0.5}),
        (live.SpeechEnded(16_000), {"type": "speech_ended", "position": 1.0}),
        (live.Gap(16_000, 32_000), {"type": "gap", "start": 1.0, "end": 2.0}),
        (live.Reconnect(0.5, "drain"), {"type": "reconnect", "delay": 0.5, "reason": "drain"}),
        (
            live.Progress(16_000, 8000, 0.25, 3, "jeton"),
            {
                "type": "progress",
                "received": 1.0,
                "finalized": 0.5,
                "lag": 0.25,
                "clamped": 3,
                "resume_token": "jeton",
            },
        ),
        (
            live.Ended(32_000, 16_000, 2, 9),
            {"type": "ended", "audio": 2.0, "speech": 1.0, "captions": 2, "words": 9},
        ),
    ],
)
def test_other_events_say_all_they_know(event: live.Event, message: dict[str, Any]) -> None:
    assert writer().message(event) == message
    assert json.loads(dump(message)) == message
