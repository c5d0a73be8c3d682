from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import SAMPLE_BYTES, Span, Take, join, load_recordings, make_takes, trim

from captioner.errors import InvalidRequest
from captioner.evaluation.truth import TimedWord
from captioner.transcript import SAMPLE_RATE

EDGE = 0.002  # seconds: the times of the truth are rounded, each for itself


def take(*words: tuple[str, float, float], seconds: float = 4.0) -> Take:
    audio = bytes(round(seconds * SAMPLE_RATE) * SAMPLE_BYTES)
    return Take("prise", audio, tuple(TimedWord(*word) for word in words))


THREE = take(("un", 0.5, 1.0), ("deux", 1.2, 1.5), ("trois", 3.0, 3.5))


@pytest.mark.parametrize(
    ("data", "tracks", "words"),
    [("meeting", 3, True), ("monologues", 8, True), ("sentences", 8, True), ("noise", 6, False)],
)
def test_each_bundled_data_set_makes_tracks(data: str, tracks: int, words: bool) -> None:
    takes = make_takes(data, 0, duration=None)
    assert len(takes) == tracks
    assert all(bool(each.words) is words and each.complete and each.timed for each in takes)
    assert all(word.end <= each.seconds for each in takes for word in each.words)


def test_a_text_without_times_gives_words_without_times() -> None:
    [reader] = make_takes("real", 0)
    assert len(reader.words) > 200
    assert not reader.timed
    assert reader.complete


def test_the_utterances_of_the_meeting_hold_all_its_words() -> None:
    for recording in load_recordings("meeting"):
        for word in recording.words:
            assert any(
                span.start - EDGE <= word.start and word.end <= span.end + EDGE
                for span in recording.utterances
            )


def test_more_tracks_than_recordings_say_the_same_again() -> None:
    names = [each.name for each in make_takes("monologues", 10, duration=2)]
    assert names[8:] == names[:2]


def test_a_track_longer_than_its_recording_goes_on_with_the_next_ones() -> None:
    [longer] = make_takes("monologues", 1, duration=70)
    assert longer.name == "00+01"
    assert 69 < longer.seconds <= 70
    assert longer.words[-1].end > 65


@given(st.floats(0.1, 3.9))
def test_trimming_cuts_no_word(duration: float) -> None:
    short = trim(THREE, duration)
    assert short.seconds <= duration + 1 / SAMPLE_RATE
    assert short.words == THREE.words[: len(short.words)]
    assert all(word.end <= short.seconds + 1 / SAMPLE_RATE for word in short.words)
    assert all(word.start >= short.seconds for word in THREE.words[len(short.words) :])


def test_trimming_in_a_pause_keeps_the_pause() -> None:
    assert trim(THREE, 2.5).seconds == 2.5


def test_trimming_ends_the_utterance_that_is_cut() -> None:
    spoken = Take(THREE.name, THREE.audio, THREE.words, (Span(0.4, 1.6), Span(2.9, 3.6)))
    assert trim(spoken, 1.55).utterances == (Span(0.4, 1.55),)


def test_a_text_without_times_cannot_be_compared_once_it_is_cut() -> None:
    untimed = take(("un", math.nan, math.nan))
    assert not trim(untimed, 2.0).complete
    assert trim(untimed, 4.0).complete


def test_joined_takes_keep_their_words_at_their_times() -> None:
    both = join([THREE, THREE], pause=1.0)
    assert both.seconds == 9.0
    assert [word.start for word in both.words] == [0.5, 1.2, 3.0, 5.5, 6.2, 8.0]
    assert both.utterances == (Span(0.0, 4.0), Span(5.0, 9.0))


def test_an_unknown_data_set_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="meeting, monologues"):
        load_recordings("nulle-part")


@pytest.mark.parametrize(
    "content", ["{", "3", '[{"text": "sans fichier"}]', '[{"file": "a.flac"}]', '["a.flac"]']
)
def test_a_truth_that_cannot_be_read_names_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "truth.json").write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"truth\.json"):
        load_recordings(str(tmp_path))


def test_a_folder_without_truth_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"truth\.json"):
        load_recordings(str(tmp_path))


def test_a_folder_of_ones_own_is_a_data_set(tmp_path: Path) -> None:
    words = [{"word": "oui", "start": 0.1, "end": 0.4}]
    truth = {"alice": {"file": "alice.flac", "words": words}}
    (tmp_path / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    [recording] = load_recordings(str(tmp_path))
    assert recording.file == tmp_path / "alice.flac"
    assert recording.words == (TimedWord("oui", 0.1, 0.4),)
