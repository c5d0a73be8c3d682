from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import SECOND, recordings, segment, speech

from captioner.subtitles.characters import measure
from captioner.subtitles.cues import Segment
from captioner.subtitles.layout.cutting import cut
from captioner.subtitles.layout.lines import DASH, count_lines
from captioner.subtitles.layout.script import write_script
from captioner.subtitles.profiles import ARCOM, LIVE, WEB, Profile


def cues(*said: Segment, profile: Profile = WEB) -> list[str]:
    groups = write_script(said, profile, labels=False)
    return [" ".join(group.text for group in part) for part in cut(groups, profile)]


def test_nothing_said_is_no_cue() -> None:
    assert cut([], WEB) == []


def test_cues_end_with_sentences() -> None:
    sentences = [
        "La séance est ouverte par le président de la commission.",
        "Nous examinons le projet de loi sur l'eau.",
    ]
    assert cues(segment(" ".join(sentences))) == sentences


def test_cues_end_with_clauses_where_a_sentence_is_too_long() -> None:
    clauses = [
        "Nous avons trois sujets à l'ordre du jour,",
        "et je vous propose de commencer tout de suite avec le premier.",
    ]
    assert cues(segment(" ".join(clauses))) == clauses


def test_a_cue_does_not_end_with_the_first_words_of_a_sentence() -> None:
    text = (
        "Personne n'a demandé la parole sur ce point, passons au vote. "
        "Maintenant, qui est pour cette proposition de la commission ?"
    )
    assert cues(segment(text))[0].endswith("passons au vote.")


def test_a_cue_does_not_begin_with_the_last_word_of_a_sentence() -> None:
    text = (
        "Le ministre a répondu aux questions des journalistes sur la prochaine loi de finances "
        "rectificative. Il a ensuite quitté la salle."
    )
    assert not any(cue.startswith("rectificative. Il") for cue in cues(segment(text)))


def test_short_sentences_share_a_cue() -> None:
    assert cues(segment("Merci. C'est noté.")) == ["Merci. C'est noté."]


def test_a_pause_is_a_good_place_to_cut() -> None:
    one = segment("les services techniques de la ville ont terminé hier", pace=0.2)
    other = segment("les travaux de rénovation de la salle du conseil", start=3.8, pace=0.2)
    assert cues(one, other)[0] == one.text


def test_no_cue_stays_over_a_long_silence() -> None:
    assert cues(segment("Oui."), segment("Non.", start=3.0)) == ["Oui.", "Non."]


def test_turns_too_short_to_be_read_alone_share_a_cue() -> None:
    said = [
        segment("Oui.", start=1.0, speaker="Claire"),
        segment("Non.", start=1.4, speaker="Julien"),
        segment("Alors nous en reparlerons demain.", start=1.9, speaker="Claire"),
    ]
    assert cues(*said) == ["Oui. Non.", "Alors nous en reparlerons demain."]


def test_turns_with_time_enough_have_a_cue_each() -> None:
    said = [
        segment("Qui est contre ?", start=1.0, speaker="Claire", pace=0.5),
        segment("Je suis contre.", start=2.8, speaker="Julien", pace=0.5),
    ]
    assert cues(*said) == ["Qui est contre\u202f?", "Je suis contre."]


def test_no_more_turns_share_a_cue_than_it_has_lines() -> None:
    said = [
        segment("Oui.", start=1 + 0.3 * number, speaker=name)
        for number, name in enumerate(("Claire", "Julien", "Sophie", "Marc"))
    ]
    assert cues(*said) == ["Oui. Oui.", "Oui. Oui."]
    assert len(cues(*said, profile=LIVE)) == 2


def test_no_turn_of_a_shared_cue_takes_more_than_a_line() -> None:
    long = "Avez-vous tous reçu la convocation hier ?"  # 41 columns, and a dash
    said = [
        segment(long, start=1.0, speaker="Claire", pace=0.1),
        segment("Oui.", start=1.7, speaker="Julien", pace=0.1),
    ]
    assert len(cues(*said)) == 2


@given(profile=st.sampled_from([WEB, ARCOM, LIVE]), said=st.one_of(recordings, speech()))
def test_cues_hold_all_groups_in_order_and_keep_to_the_limits(
    profile: Profile, said: list[Segment]
) -> None:
    groups = write_script(said, profile, labels=False)
    parts = cut(groups, profile)
    assert list(chain.from_iterable(parts)) == groups
    for part in parts:
        turns = {group.turn for group in part}
        assert not any(group.apart for group in part[:-1])
        if len(turns) == 1:
            assert count_lines(part, profile) <= profile.lines
        else:
            assert len(turns) <= profile.lines
            for turn in turns:
                line = " ".join(group.text for group in part if group.turn == turn)
                assert measure(DASH + line) <= profile.columns
        if len(part) > 1:
            seconds = (max(group.end for group in part) - part[0].start) / SECOND
            assert seconds <= profile.longest
