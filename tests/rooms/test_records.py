"""Captions and speakers as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from room_fakes import Person, caption

from captioner.rooms.captions import Presence, RoomCaption, Speaker
from captioner.rooms.records import read_caption, read_presence, write_caption, write_speaker
from captioner.transcript import Caption, Word

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**40)
times = st.floats(0, 4e9)
words = st.builds(Word, texts, numbers, numbers, st.floats(0, 1))
captions = st.builds(
    Caption,
    id=numbers,
    revision=numbers,
    start=numbers,
    end=numbers,
    words=st.lists(words, max_size=4).map(tuple),
    committed=numbers,
    final=st.booleans(),
    language=texts,
)
speakers = st.builds(Speaker, texts, texts, texts, texts)


@given(st.builds(RoomCaption, speakers, captions, times))
def test_a_caption_is_read_as_it_was_written(said: RoomCaption) -> None:
    written = write_caption(said)
    assert "\n" not in written
    assert read_caption(written) == said


@given(speakers, times, st.booleans())
def test_a_speaker_is_read_as_it_was_written(speaker: Speaker, since: float, talking: bool) -> None:
    read = read_presence(write_speaker(speaker, since), talking=talking)
    assert read == Presence(speaker, since, talking)


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", "null", '{"words": 3}', '{"id"'])
def test_what_is_no_record_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own errors are among them
        read_caption(text)
    with pytest.raises(ValueError):  # noqa: PT011 - the same
        read_presence(text, talking=False)


def test_accents_are_written_as_they_are() -> None:
    assert "été" in write_caption(Person().says(caption(1, "été")).said)
