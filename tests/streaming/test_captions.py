from __future__ import annotations

import pytest
from streaming_fakes import SETTINGS

from captioner.streaming.actions import Restart
from captioner.streaming.audio import SessionAudio
from captioner.streaming.captions import CaptionWriter
from captioner.streaming.utterance import Utterance
from captioner.streaming.words import SpelledWord
from captioner.transcript import Caption, Word


def utterance(start: int = 0) -> Utterance:
    return Utterance(start, SETTINGS, SessionAudio(start, 80))


def spelled(text: str, start: int = 0) -> list[SpelledWord]:
    """Words of 100 samples, one after the other from `start` on."""
    return [
        SpelledWord(Word(word, start + i * 100, start + (i + 1) * 100, 0.9), (i,))
        for i, word in enumerate(text.split())
    ]


def writer(*, append_only: bool = False, restart: Restart | None = None) -> CaptionWriter:
    return CaptionWriter(restart or Restart(), append_only=append_only)


def given(caption: Caption | None) -> Caption:
    assert caption is not None
    return caption


def test_captions_and_their_revisions_are_counted() -> None:
    captions, first, second = writer(), utterance(), utterance(1000)
    first.tentative = tuple(spelled("le"))
    one = given(captions.interim(first))
    two = given(captions.final(first, spelled("le maire")))
    three = given(captions.final(second, spelled("est là", 1000)))

    assert [(c.id, c.revision, c.final) for c in (one, two, three)] == [
        (1, 1, False),
        (1, 2, True),
        (2, 1, True),
    ]
    assert captions.next_caption == 3
    assert captions.words == 4


def test_an_interim_that_shows_nothing_new_is_not_sent() -> None:
    captions, spoken = writer(), utterance()
    assert captions.interim(spoken) is None
    spoken.tentative = tuple(spelled("le maire"))
    given(captions.interim(spoken))

    assert captions.interim(spoken) is None

    spoken.committed, spoken.tentative = list(spoken.tentative[:1]), spoken.tentative[1:]
    assert given(captions.interim(spoken)).committed == 1


def test_an_utterance_of_which_nothing_was_shown_needs_no_empty_final() -> None:
    assert writer().final(utterance(), []) is None


def test_an_empty_final_has_a_place_but_no_length() -> None:
    captions, spoken = writer(), utterance(500)
    spoken.tentative = tuple(spelled("le", 600))
    given(captions.interim(spoken))

    final = given(captions.final(spoken, []))

    assert (final.start, final.end, final.words, final.text) == (500, 500, (), "")
    assert not captions.has_text


def test_no_caption_starts_before_the_last_final_ended() -> None:
    captions = writer(restart=Restart(position=50))
    first = given(captions.final(utterance(), spelled("le maire")))
    second = given(captions.final(utterance(150), spelled("est là", 150)))

    assert (first.start, first.end) == (50, 200)
    assert (second.start, second.end) == (200, 350)


def test_appended_texts_join_to_the_transcript() -> None:
    captions, spoken = writer(append_only=True), utterance()
    words = spelled("le maire est là")
    appended = []
    for committed in (0, 1, 3):
        spoken.committed, spoken.tentative = words[:committed], tuple(words[committed:])
        appended.append(given(captions.interim(spoken)).appended)
    appended.append(given(captions.final(spoken, words)).appended)
    appended.append(given(captions.final(utterance(1000), spelled("oui", 1000))).appended)

    assert appended == ["", "le", " maire est", " là", " oui"]


@pytest.mark.parametrize(("has_text", "appended"), [(True, " oui"), (False, "oui")])
def test_text_appended_after_a_resumption_goes_on_where_it_was(
    appended: str, *, has_text: bool
) -> None:
    captions = writer(append_only=True, restart=Restart(next_caption=7, has_text=has_text))

    caption = given(captions.final(utterance(), spelled("oui")))

    assert (caption.id, caption.appended) == (7, appended)


def test_revisable_captions_append_nothing() -> None:
    assert given(writer().final(utterance(), spelled("oui"))).appended == ""
