from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcription_fakes import hypothesis

from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription.plan import PlannedUtterance, PlannedWindow
from captioner.transcription.reading import (
    SKIPPED,
    divide,
    doubts,
    long_loop_start,
    read,
    skips,
)

VOTE = "Madame Aubert vote pour, monsieur Blin vote pour, madame Cros vote contre"
SENTENCE = "nous allons commencer tout de suite la réunion"


def window(*seconds: tuple[float, float], silence: float = 0.5) -> PlannedWindow:
    """A window of utterances at these places in the recording, so much silence between them."""
    utterances = tuple(
        PlannedUtterance(
            start=round(start * SAMPLE_RATE),
            end=round(end * SAMPLE_RATE),
            voiced=round((end - start) * SAMPLE_RATE),
        )
        for start, end in seconds
    )
    return PlannedWindow(utterances, (round(silence * SAMPLE_RATE),) * (len(utterances) - 1))


def texts(found: Hypothesis | tuple[Word, ...]) -> list[str]:
    words = found.words if isinstance(found, Hypothesis) else found
    return [word.text for word in words]


def word(text: str, start: float, end: float) -> Word:
    return Word(text, round(start * SAMPLE_RATE), round(end * SAMPLE_RATE), 0.9)


def spoken(*words: Word) -> Hypothesis:
    return Hypothesis(words, tuple((n,) for n in range(len(words))), -0.2, 0.0, "fr")


def test_each_utterance_gets_its_words_at_their_place_in_the_recording() -> None:
    plan = window((10.0, 12.0), (73.0, 75.0), silence=0.5)
    first, second = divide(spoken(word("oui", 0.5, 1), word("non", 3, 3.5)), plan)
    assert first.words == (word("oui", 10.5, 11),)
    assert second.words == (word("non", 73.5, 74),)
    assert (first.word_tokens, second.word_tokens) == (((0,),), ((1,),))


def test_a_word_stretched_over_a_silence_belongs_to_where_most_of_it_is() -> None:
    plan = window((0, 2), (8, 10), silence=1)
    first, second = divide(spoken(word("un", 1, 1.5), word("deux", 1.9, 3.6)), plan)
    assert texts(first) == ["un"]
    assert second.words == (word("deux", 8, 8.6),)


def test_a_word_in_no_utterance_belongs_to_the_nearest_one() -> None:
    plan = window((0, 1), (5, 6), silence=2)
    first, second = divide(spoken(word("un", 1.2, 1.5), word("deux", 2.5, 2.8)), plan)
    assert first.words == (word("un", 1, 1),)
    assert second.words == (word("deux", 5, 5),)


def test_no_word_goes_back_to_an_utterance_before_that_of_the_word_before() -> None:
    plan = window((0, 2), (3, 5), silence=1)
    first, second = divide(spoken(word("un", 3.2, 3.4), word("deux", 1.9, 2)), plan)
    assert (texts(first), texts(second)) == ([], ["un", "deux"])


def test_a_plausible_window_is_read_whole() -> None:
    reading = read(hypothesis(SENTENCE), window((1, 6)))
    assert [texts(each) for each in reading.utterances] == [SENTENCE.split()]
    assert reading.dropped == ()


def test_a_loop_is_cut_after_its_first_round() -> None:
    looping = hypothesis("bonjour à tous " + "et voilà " * 8)
    assert doubts(looping, window((0, 8)))
    reading = read(looping, window((0, 8)))
    assert texts(reading.utterances[0]) == ["bonjour", "à", "tous", "et", "voilà"]
    assert reading.dropped == ("loop",)


def test_a_whole_phrase_that_loops_is_cut_after_its_first_round() -> None:
    reading = read(hypothesis("Bonjour. " + f"{SENTENCE} " * 3), window((0, 11)))
    assert texts(reading.utterances[0]) == ["Bonjour.", *SENTENCE.split()]
    assert reading.dropped == ("loop",)


def test_a_phrase_said_twice_is_no_loop() -> None:
    words = f"{SENTENCE} {SENTENCE} {SENTENCE}".split()
    assert long_loop_start(words) == len(SENTENCE.split())
    assert long_loop_start(words[:-1]) is None


def test_dense_text_that_does_not_loop_is_kept() -> None:
    voters = [f"{name} vote pour," for name in ("Blin", "Cros", "Diot", "Fabre", "Guy", "Huet")]
    text = " ".join([f"Madame {voter} monsieur {voter}" for voter in voters] * 2)
    dense = hypothesis(text)
    assert doubts(dense, window((0, 25)))
    reading = read(dense, window((0, 25)))
    assert texts(reading.utterances[0]) == text.split()


def test_more_words_than_anybody_can_say_are_dropped() -> None:
    names = " ".join(f"nom{n}" for n in range(30))
    reading = read(hypothesis(names, seconds=0.05), window((0, 2), (2.5, 3)))
    assert reading.utterances == ((), ())
    assert reading.dropped == ("word_rate",)


def test_what_is_too_much_for_a_window_is_dropped_though_it_is_not_for_any_of_its_utterances() -> (
    None
):
    plan = window((0, 0.25), (1, 1.25), (2, 2.25), (3, 3.25), silence=0.1)
    words = [
        word(f"nom{4 * n + k}", 0.35 * n + 0.05 * k, 0.35 * n + 0.05 * (k + 1))
        for n in range(4)
        for k in range(4)
    ]
    reading = read(spoken(*words), plan)
    assert reading.utterances == ((),) * 4
    assert reading.dropped == ("word_rate",)
    assert [len(part) for part in read(spoken(*words[:-2]), plan).utterances] == [4, 4, 4, 2]


def test_an_invented_utterance_is_dropped_and_its_neighbour_kept() -> None:
    plan = window((0, 3), (4, 8), silence=1)
    said = spoken(
        *hypothesis("Sous-titrage ST' 501", start=0.5).words,
        *hypothesis(SENTENCE, start=4.2).words,
    )
    reading = read(said, plan)
    assert [texts(each) for each in reading.utterances] == [[], SENTENCE.split()]
    assert reading.dropped == ("known_phrase",)


def test_what_the_model_itself_takes_for_no_speech_is_dropped() -> None:
    unsure = hypothesis("Hum", average_logprob=-1.2, no_speech_probability=0.9)
    assert doubts(unsure, window((0, 2)))
    assert read(unsure, window((0, 2))).utterances == ((),)


def test_an_empty_hypothesis_says_nothing() -> None:
    empty = hypothesis("")
    assert not doubts(empty, window((0, 20)))
    assert read(empty, window((0, 2), (3, 4))).utterances == ((), ())
    assert read(empty, window((0, 2), (3, 4))).dropped == ()


# --- what was passed over

LONG = SKIPPED / SAMPLE_RATE
SHORT = LONG - 0.01


def steps(*seconds: float) -> Hypothesis:
    """Words that begin and end at these times, two times a word."""
    pairs = zip(seconds[::2], seconds[1::2], strict=True)
    return spoken(*(word(f"mot{n}", *pair) for n, pair in enumerate(pairs)))


@pytest.mark.parametrize(
    ("passed", "read_through"),
    [
        pytest.param(
            (0.2, 0.5, 0.5, 0.5 + LONG, 0.5 + LONG, 4),
            (0.2, 0.5, 0.5, 0.5 + SHORT, 3.1, 4),
            id="word",
        ),
        pytest.param((0, LONG, LONG, 4), (0, SHORT, SHORT, 4), id="first word"),
        pytest.param((0, 1.5, 1.5, 4), (0, 1.51, 1.51, 4), id="last word"),
        pytest.param((LONG, 3, 3, 4), (SHORT, 3, 3, 4), id="bare head"),
        pytest.param((0, 1, 1, 4 - LONG), (0, 1, 1, 4 - SHORT), id="bare tail"),
        pytest.param((0, 0.5, 0.5 + LONG, 4), (0, 0.5, 0.5 + SHORT, 4), id="gap"),
        pytest.param((0, LONG), (0.5, 0.5 + SHORT), id="only word"),
    ],
)
def test_seconds_of_speech_without_a_word_were_skipped(
    passed: tuple[float, ...], read_through: tuple[float, ...]
) -> None:
    plan = window((100, 104))
    assert skips(steps(*passed), plan.length)
    assert doubts(steps(*passed), plan)
    assert not skips(steps(*read_through), plan.length)
    assert not doubts(steps(*read_through), plan)


def test_a_long_silence_between_two_utterances_was_not_skipped() -> None:
    """Little of it is in the window."""
    said = steps(0.2, 1.8, 2.7, 4.4)
    assert not doubts(said, window((0, 2), (100, 102), silence=0.5))


def test_nothing_at_all_skips_nothing() -> None:
    assert not skips(spoken(), 20 * SAMPLE_RATE)


# --- what holds for all hypotheses

times = st.floats(0, 30)


@st.composite
def windows(draw: st.DrawFn) -> PlannedWindow:
    """Utterances with gaps between them, of which the window has a part."""
    position = 0
    utterances, silences = [], []
    for number in range(draw(st.integers(1, 6))):
        gap, length = draw(st.integers(0, 5000)), draw(st.integers(1, 3000))
        utterances.append(PlannedUtterance(position + gap, position + gap + length, length))
        position += gap + length
        if number:
            silences.append(draw(st.integers(0, gap)))
    return PlannedWindow(tuple(utterances), tuple(silences))


@given(windows(), st.data())
def test_words_inside_utterances_come_back_to_where_they_were_said(
    plan: PlannedWindow, data: st.DataObject
) -> None:
    said: list[tuple[Word, ...]] = []
    heard: list[Word] = []
    for place, utterance in zip(plan.places, plan.utterances, strict=True):
        edges = data.draw(st.lists(st.integers(utterance.start, utterance.end), max_size=8))
        edges = sorted(edges)
        words = [
            Word("mot", start, end, 0.9)
            for start, end in zip(edges[::2], edges[1::2], strict=False)
            if start < end  # what lasts nothing may as well end an utterance as begin the next
        ]
        said.append(tuple(words))
        shift = place - utterance.start
        heard += [Word(each.text, each.start + shift, each.end + shift, 0.9) for each in words]
    assert [part.words for part in divide(spoken(*heard), plan)] == said


@given(st.lists(st.tuples(times, times), max_size=20), windows())
def test_every_word_is_kept_in_order_and_inside_an_utterance(
    spans: list[tuple[float, float]], plan: PlannedWindow
) -> None:
    scale = plan.length / SAMPLE_RATE / 25  # some of them beyond the end
    said = spoken(
        *(
            word(str(n), scale * min(span), scale * max(span))
            for n, span in enumerate(sorted(spans))
        )
    )
    parts = divide(said, plan)
    assert [text for part in parts for text in texts(part)] == texts(said)
    for part, utterance in zip(parts, plan.utterances, strict=True):
        assert len(part.words) == len(part.word_tokens)
        assert all(utterance.start <= w.start <= w.end <= utterance.end for w in part.words)


@given(st.lists(st.tuples(times, times), max_size=20), windows())
def test_each_utterance_has_its_part_of_a_reading(
    spans: list[tuple[float, float]], plan: PlannedWindow
) -> None:
    said = spoken(*(word(f"mot{n}", min(s), max(s)) for n, s in enumerate(sorted(spans))))
    assert len(read(said, plan).utterances) == len(plan.utterances)
