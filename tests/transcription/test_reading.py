from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from transcription_fakes import hypothesis

from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription.plan import PlannedUtterance, PlannedWindow
from captioner.transcription.reading import believable, divide, long_loop_start, read

VOTE = "Madame Aubert vote pour, monsieur Blin vote pour, madame Cros vote contre"
SENTENCE = "nous allons commencer tout de suite la réunion"


def window(*seconds: tuple[float, float]) -> PlannedWindow:
    return PlannedWindow(
        tuple(
            PlannedUtterance(
                start=round(start * SAMPLE_RATE),
                end=round(end * SAMPLE_RATE),
                voiced=round((end - start) * SAMPLE_RATE),
            )
            for start, end in seconds
        )
    )


def texts(found: Hypothesis | tuple[Word, ...]) -> list[str]:
    words = found.words if isinstance(found, Hypothesis) else found
    return [word.text for word in words]


def word(text: str, start: float, end: float) -> Word:
    return Word(text, round(start * SAMPLE_RATE), round(end * SAMPLE_RATE), 0.9)


def spoken(*words: Word) -> Hypothesis:
    return Hypothesis(words, tuple((n,) for n in range(len(words))), -0.2, 0.0, "fr")


def test_each_utterance_gets_its_words_at_their_place_in_the_recording() -> None:
    plan = window((10.0, 12.0), (13.0, 15.0))
    first, second = divide(spoken(word("oui", 0.5, 1), word("non", 3.5, 4)), plan)
    assert first.words == (word("oui", 10.5, 11),)
    assert second.words == (word("non", 13.5, 14),)
    assert (first.word_tokens, second.word_tokens) == (((0,),), ((1,),))


def test_a_word_stretched_over_a_silence_belongs_to_where_most_of_it_is() -> None:
    plan = window((0, 2), (3, 5))
    first, second = divide(spoken(word("un", 1, 1.5), word("deux", 1.9, 3.6)), plan)
    assert texts(first) == ["un"]
    assert second.words == (word("deux", 3, 3.6),)


def test_a_word_in_no_utterance_belongs_to_the_nearest_one() -> None:
    plan = window((0, 1), (5, 6))
    first, second = divide(spoken(word("un", 1.2, 1.5), word("deux", 4.5, 4.8)), plan)
    assert first.words == (word("un", 1, 1),)
    assert second.words == (word("deux", 5, 5),)


def test_no_word_goes_back_to_an_utterance_before_that_of_the_word_before() -> None:
    plan = window((0, 2), (3, 5))
    first, second = divide(spoken(word("un", 3.2, 3.4), word("deux", 1.9, 2)), plan)
    assert (texts(first), texts(second)) == ([], ["un", "deux"])


def test_a_plausible_window_is_read_whole() -> None:
    reading = read(hypothesis(SENTENCE), window((1, 6)))
    assert [texts(each) for each in reading.utterances] == [SENTENCE.split()]
    assert reading.dropped == ()


def test_a_loop_is_cut_after_its_first_round() -> None:
    looping = hypothesis("bonjour à tous " + "et voilà " * 8)
    assert not believable(looping, window((0, 8)))
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
    assert not believable(dense, window((0, 25)))
    reading = read(dense, window((0, 25)))
    assert texts(reading.utterances[0]) == text.split()


def test_more_words_than_anybody_can_say_are_dropped() -> None:
    names = " ".join(f"nom{n}" for n in range(30))
    reading = read(hypothesis(names, seconds=0.05), window((0, 2), (2.5, 3)))
    assert reading.utterances == ((), ())
    assert reading.dropped == ("word_rate",)


def test_an_invented_utterance_is_dropped_and_its_neighbour_kept() -> None:
    plan = window((0, 3), (4, 8))
    said = spoken(
        *hypothesis("Sous-titrage ST' 501", start=0.5).words,
        *hypothesis(SENTENCE, start=4.2).words,
    )
    reading = read(said, plan)
    assert [texts(each) for each in reading.utterances] == [[], SENTENCE.split()]
    assert reading.dropped == ("known_phrase",)


def test_what_the_model_itself_takes_for_no_speech_is_dropped() -> None:
    unsure = hypothesis("Hum", average_logprob=-1.2, no_speech_probability=0.9)
    assert not believable(unsure, window((0, 2)))
    assert read(unsure, window((0, 2))).utterances == ((),)


def test_an_empty_hypothesis_says_nothing() -> None:
    empty = hypothesis("")
    assert believable(empty, window((0, 2)))
    assert read(empty, window((0, 2), (3, 4))).utterances == ((), ())
    assert read(empty, window((0, 2), (3, 4))).dropped == ()


times = st.floats(0, 30)


@given(
    st.lists(st.tuples(times, times), max_size=20),
    st.lists(st.floats(0.1, 3), min_size=1, max_size=6),
)
def test_every_word_is_kept_in_order_and_inside_an_utterance(
    spans: list[tuple[float, float]], lengths: list[float]
) -> None:
    edges = [0.0]
    for length in lengths:
        edges += [edges[-1] + length, edges[-1] + length + 0.5]
    plan = window(*zip(edges[::2], edges[1::2], strict=False))
    said = spoken(*(word(str(n), min(span), max(span)) for n, span in enumerate(sorted(spans))))
    parts = divide(said, plan)
    assert [text for part in parts for text in texts(part)] == texts(said)
    for part, utterance in zip(parts, plan.utterances, strict=True):
        assert len(part.words) == len(part.word_tokens)
        assert all(utterance.start <= w.start <= w.end <= utterance.end for w in part.words)
