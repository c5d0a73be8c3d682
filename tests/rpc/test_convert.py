from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st
from rpc_fakes import live_config

from captioner import live
from captioner.audio.format import AudioFormat, Encoding
from captioner.errors import InvalidRequest
from captioner.live import Mode, SessionConfig
from captioner.rpc import convert
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.transcript import SAMPLE_RATE

POSITIONS = st.integers(0, SAMPLE_RATE * 86_400 * 30)
RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])


@given(POSITIONS)
def test_a_position_survives_the_wire_exactly(position: int) -> None:
    assert convert.samples(convert.duration(position)) == position


def test_a_sample_lasts_62500_nanoseconds() -> None:
    assert convert.duration(16_001) == Duration(seconds=1, nanos=62_500)


def test_a_duration_between_two_samples_goes_to_the_nearer_one() -> None:
    assert convert.samples(Duration(nanos=31_249)) == 0
    assert convert.samples(Duration(nanos=31_250)) == 1


@given(POSITIONS, RATES)
def test_a_position_at_another_rate_is_never_before_the_one_meant(position: int, rate: int) -> None:
    there = convert.stream_position(position, rate)
    assert there * SAMPLE_RATE >= position * rate
    assert (there - 1) * SAMPLE_RATE < position * rate


@given(POSITIONS, RATES)
def test_a_resumed_client_never_sends_audio_from_before_the_resume_point(
    position: int, rate: int
) -> None:
    there = convert.stream_position(position, rate)
    assert convert.native_position(there, rate) >= position


@given(st.floats(0, 4e9), POSITIONS)
def test_a_timestamp_is_the_wall_time_of_a_position(start: float, position: int) -> None:
    stamp = convert.timestamp(start, position)
    assert stamp.ToNanoseconds() == round(start * 1e9) + position * 62_500


CONFIGS = st.builds(
    SessionConfig,
    room=st.text(min_size=1, max_size=live.MAX_NAME),
    track=st.text(min_size=1, max_size=live.MAX_NAME),
    audio_format=st.sampled_from(
        [
            AudioFormat(Encoding.LINEAR16, 16_000),
            AudioFormat(Encoding.FLOAT32, 44_100, 2),
            AudioFormat(Encoding.MULAW, 8_000),
            AudioFormat(Encoding.ALAW, 8_000),
            AudioFormat(Encoding.OPUS, 48_000, 2),
        ]
    ),
    speaker_identity=st.text(max_size=live.MAX_SPEAKER),
    speaker_name=st.text(max_size=live.MAX_SPEAKER),
    capture_time=st.none() | st.integers(0, 4_000_000_000).map(float),
    language=st.sampled_from(["", "fr", "en"]),
    interim_results=st.booleans(),
    mode=st.sampled_from(Mode),
    word_times=st.booleans(),
    key_terms=st.lists(st.text(min_size=1, max_size=live.MAX_KEY_TERM), max_size=5).map(tuple),
    endpoint_silence=st.none() | st.sampled_from([0.2, 0.55, 3.0]),
    max_utterance=st.none() | st.sampled_from([5.0, 28.0]),
    resume_token=st.text(max_size=100),
)


@given(CONFIGS)
def test_a_config_survives_the_wire(config: SessionConfig) -> None:
    assert convert.session_config(convert.stream_config(config)) == config


def wrong(**fields: object) -> pb.StreamConfig:
    message = convert.stream_config(live_config())
    message.MergeFrom(pb.StreamConfig(**fields))  # type: ignore[arg-type]
    return message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (convert.stream_config(live_config(room="")), "room"),
        (convert.stream_config(live_config(room="r" * 129)), "room"),
        (convert.stream_config(live_config(track="")), "track"),
        (convert.stream_config(live_config(track="t" * 129)), "track"),
        (wrong(speaker_identity="i" * 257), "speaker_identity"),
        (wrong(speaker_name="n" * 257), "speaker_name"),
        (wrong(resume_token="t" * 4097), "resume_token"),
        (wrong(mode=7), "mode"),
        (wrong(audio_format=pb.AudioFormat(encoding=9)), "audio_format.encoding"),  # type: ignore[arg-type]
        (
            wrong(audio_format=pb.AudioFormat(sample_rate_hertz=7_999)),
            "audio_format.sample_rate_hertz",
        ),
        (
            wrong(audio_format=pb.AudioFormat(sample_rate_hertz=48_001)),
            "audio_format.sample_rate_hertz",
        ),
        (wrong(audio_format=pb.AudioFormat(channels=3)), "audio_format.channels"),
        (wrong(key_terms=["x"] * 101), "key_terms"),
        (wrong(key_terms=["ok", "x" * 65]), "key_terms[1]"),
        (wrong(key_terms=[""]), "key_terms[0]"),
        (convert.stream_config(live_config(endpoint_silence=0.19)), "endpointing.silence"),
        (convert.stream_config(live_config(endpoint_silence=3.01)), "endpointing.silence"),
        (convert.stream_config(live_config(max_utterance=4.99)), "endpointing.max_utterance"),
        (convert.stream_config(live_config(max_utterance=28.01)), "endpointing.max_utterance"),
        (pb.StreamConfig(room="r", track="t"), "audio_format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_config_beyond_a_limit_is_refused_with_the_name_of_the_field(
    message: pb.StreamConfig, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert.session_config(message)
    assert [violation.field for violation in refused.value.violations] == [field]


def test_everything_at_its_limit_is_accepted() -> None:
    config = live_config(
        room="r" * 128,
        track="t" * 128,
        speaker_identity="i" * 256,
        speaker_name="n" * 256,
        resume_token="t" * 4096,
        key_terms=("x" * 64,) * 100,
        endpoint_silence=3.0,
        max_utterance=28.0,
    )
    assert convert.session_config(convert.stream_config(config)) == config


def test_an_update_changes_only_what_it_names() -> None:
    assert convert.update(pb.UpdateConfig()) == (None, None)
    assert convert.update(pb.UpdateConfig(language="en")) == ("en", None)
    assert convert.update(pb.UpdateConfig(replace_key_terms=True)) == (None, ())
    terms = pb.UpdateConfig(replace_key_terms=True, key_terms=["Visio"])
    assert convert.update(terms) == (None, ("Visio",))


def test_key_terms_that_would_be_ignored_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="replace_key_terms"):
        convert.update(pb.UpdateConfig(key_terms=["Visio"]))
