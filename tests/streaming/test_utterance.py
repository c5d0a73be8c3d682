from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streaming_fakes import SETTINGS, at

from captioner.streaming.audio import SessionAudio
from captioner.streaming.settings import Effort, StreamingSettings
from captioner.streaming.utterance import Answer, Utterance, Window
from captioner.streaming.words import SpelledWord
from captioner.transcript import Hypothesis, Word

MARGINS = replace(
    SETTINGS,
    hidden=at(0.3),
    commit_margin=at(0.5),
    commit_after=at(20.0),
    interim_surer=0.1,
    trim_after=at(8.0),
    trim_to=at(4.5),
    final_reach=at(9.0),
)
APPEND_ONLY = replace(MARGINS, append_only=True)
START = at(10.0)


def utterance(settings: StreamingSettings = MARGINS) -> Utterance:
    audio = SessionAudio(0, 80)
    audio.append(np.zeros(at(40.0), np.float32))
    return Utterance(START, settings, audio)


def spelled(text: str, *, first: int = 0, probability: float = 0.9) -> tuple[SpelledWord, ...]:
    """Words of half a second each, of which the first is the utterance's `first`."""
    return tuple(
        SpelledWord(Word(word, START + at(i / 2), START + at((i + 1) / 2), probability), (100 + i,))
        for i, word in enumerate(text.split(), first)
    )


def text(words: tuple[SpelledWord, ...] | list[SpelledWord]) -> str:
    return " ".join(spelled.word.text for spelled in words)


def hypothesis(*words: tuple[str, float, float]) -> Hypothesis:
    """Words with seconds from the start of the window, two tokens each."""
    return Hypothesis(
        tuple(Word(word, at(start), at(end), 0.9) for word, start, end in words),
        tuple((i, i) for i in range(len(words))),
        -0.2,
        0.01,
        "fr",
    )


# --- words


def test_words_that_two_hypotheses_agree_on_are_committed() -> None:
    spoken = utterance()
    spoken.listen(spelled("le maire et la ville", probability=0.7), START + at(2.5))
    assert spoken.committed == []

    spoken.listen(spelled("Le maire, est la ville a"), START + at(3.0))

    assert text(spoken.committed) == "Le maire,"


def test_the_last_word_and_those_near_the_edge_are_not_committed() -> None:
    spoken = utterance()
    edge = START + at(2.0) + MARGINS.commit_margin
    spoken.listen(spelled("le maire est là donc"), edge - 1)
    spoken.listen(spelled("le maire est là donc"), edge - 1)
    assert text(spoken.committed) == "le maire est"

    spoken.listen(spelled("là donc", first=3), edge)

    assert text(spoken.committed) == "le maire est là"


def test_a_word_far_from_the_edge_is_committed_without_agreement() -> None:
    spoken = utterance(replace(MARGINS, commit_after=at(2.0)))

    spoken.listen(spelled("le maire est là"), START + at(3.0))

    assert text(spoken.committed) == "le maire"


def test_words_that_the_edge_may_cut_are_not_shown() -> None:
    spoken = utterance()

    spoken.listen(spelled("le maire est là"), START + at(2.0) + MARGINS.hidden - 1)

    assert text(spoken.tentative) == "le maire est"


def test_a_word_that_was_shown_stays_when_it_is_heard_again_nearer_the_edge() -> None:
    spoken = utterance()
    spoken.listen(spelled("le maire est"), START + at(1.5) + MARGINS.hidden)
    shown = text(spoken.tentative)

    spoken.listen(spelled("le maire est"), START + at(1.5))

    assert shown == "le maire est"
    assert text((*spoken.committed, *spoken.tentative)) == "le maire est"


def test_a_word_that_was_shown_is_replaced_only_by_a_surer_one() -> None:
    edge = START + at(1.5) + MARGINS.hidden

    def shown(first: float, then: float) -> str:
        spoken = utterance()
        spoken.listen(spelled("le vieux maire", probability=first), edge)
        spoken.listen(spelled("le nouveau maire", probability=then), edge)
        return text((*spoken.committed, *spoken.tentative))

    assert shown(0.7, 0.75) == "le vieux maire"
    assert shown(0.7, 0.85) == "le nouveau maire"


def test_a_pause_settles_all_words_but_the_last() -> None:
    spoken = utterance()
    spoken.listen(spelled("le maire est là"), START + at(3.0))

    spoken.pause(Answer(START + at(2.5), spelled("le maire était là .")))

    assert text(spoken.committed) == "le maire était là"
    assert text(spoken.tentative) == "."


def test_a_pause_that_contradicts_what_is_committed_settles_nothing() -> None:
    spoken = utterance(replace(MARGINS, commit_after=at(2.0)))
    spoken.listen(spelled("le maire est là"), START + at(3.0))

    spoken.pause(Answer(START + at(2.0), spelled("la mairie est là")))

    assert text(spoken.committed) == "le maire"
    assert text(spoken.tentative) == "est là"


def test_after_a_pause_the_word_left_open_is_committed_when_it_is_heard_again() -> None:
    spoken = utterance()
    spoken.pause(Answer(START + at(1.5), spelled("le maire est.")))

    spoken.listen(spelled("est là", first=2), START + at(1.5) + MARGINS.commit_margin)

    assert text(spoken.committed) == "le maire est"


# --- windows


def test_the_words_of_a_hypothesis_come_after_the_forced_prefix() -> None:
    prefix = (
        SpelledWord(Word("le", START, START + at(0.6), 0.9), (1, 2)),
        SpelledWord(Word("maire", START + at(0.6), START + at(1.1), 0.9), (3, 4)),
    )
    heard = hypothesis(("le", 0, 0.5), ("maire", 0.5, 1), ("est", 1.0, 1.4), ("là", 1.4, 1.9))

    words = utterance().spelled(heard, Window(START, START + at(2.0), prefix))

    assert [(w.word.text, w.tokens) for w in words] == [("est", (2, 2)), ("là", (3, 3))]
    assert [(w.word.start, w.word.end) for w in words] == [
        (START + at(1.1), START + at(1.4)),  # not before the prefix ends
        (START + at(1.4), START + at(1.9)),
    ]


def test_an_interim_forces_what_is_committed() -> None:
    spoken = utterance()
    spoken.pause(Answer(START + at(2.0), spelled("le maire est là")))

    window = spoken.interim_window(START + at(3.0))
    row = spoken.row(window)

    assert (window.start, window.edge) == (START, START + at(3.0))
    assert text(window.prefix) == "le maire est"
    assert row.prefix == (100, 101, 102)
    assert row.speech_frames == 300


def test_a_long_window_is_trimmed_between_two_committed_words() -> None:
    spoken = utterance()
    words = " ".join(f"mot{i}" for i in range(17))
    spoken.pause(Answer(START + at(8.5), spelled(words)))
    at_most = spoken.interim_window(START + MARGINS.trim_after)

    window = spoken.interim_window(START + MARGINS.trim_after + at(0.5))

    assert at_most.start == START
    assert window.start == window.edge - MARGINS.trim_to
    assert window.start % 160 == 0
    assert text(window.prefix).startswith("mot8 mot9")


def test_a_window_without_committed_words_is_not_trimmed() -> None:
    assert utterance().interim_window(START + at(14.0)).start == START


@pytest.mark.parametrize(
    ("settings", "prefix"), [(MARGINS, ""), (APPEND_ONLY, "le maire est")], ids=["rev", "append"]
)
def test_a_final_may_correct_committed_words_unless_they_were_appended(
    settings: StreamingSettings, prefix: str
) -> None:
    spoken = utterance(settings)
    spoken.pause(Answer(START + at(2.0), spelled("le maire est là")))

    assert text(spoken.final_window(START + at(3.0), Effort()).prefix) == prefix


def test_a_final_sees_as_much_as_it_may_correct() -> None:
    spoken = utterance()
    spoken.pause(Answer(START + at(8.5), spelled(" ".join(f"mot{i}" for i in range(17)))))
    spoken.interim_window(START + at(9.0))

    window = spoken.final_window(START + at(10.5), Effort())

    assert spoken.final_window(START + at(9.0), Effort()) == Window(
        START, START + at(9.0), whole=True
    )
    assert window == Window(START + at(1.5), START + at(10.5), whole=True)
    assert text(spoken.settled(window)) == "mot0 mot1 mot2"


def test_a_busy_final_decodes_from_the_first_word_it_is_not_sure_of() -> None:
    spoken = utterance()
    sure, unsure = spelled("le maire et la ville ont"), spelled("voté", first=6, probability=0.4)
    rest = spelled("le budget hier soir et donc", first=7)
    spoken.pause(Answer(START + at(6.5), (*sure, *unsure, *rest)))

    window = spoken.final_window(START + at(7.0), Effort(sure=0.6))

    assert window.start == START + at(3.0) - at(1.0)
    assert window.whole


def test_a_busy_final_that_is_sure_of_all_decodes_little_more_than_the_rest() -> None:
    spoken = utterance()
    spoken.pause(Answer(START + at(8.0), spelled(" ".join(f"mot{i}" for i in range(16)))))

    window = spoken.final_window(START + at(8.5), Effort(sure=0.6))

    assert START + at(3.0) <= window.start <= START + at(4.0)
