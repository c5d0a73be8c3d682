from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.prompt import CONTEXT_LENGTHS, GLOSSARY, context_tokens
from captioner.asr.tokenizer import WhisperTokenizer

LONGEST = CONTEXT_LENGTHS[-1]
names = st.lists(st.text(st.sampled_from("Lefèvre ANSI<|>"), min_size=1, max_size=12), max_size=12)
speech = st.text(st.sampled_from(" leaisét.,<|>"), max_size=400)


def glossary(tokenizer: WhisperTokenizer, terms: list[str]) -> list[int]:
    return tokenizer.encode(GLOSSARY + ", ".join(terms) + ".") if terms else []


def is_run(part: list[int], whole: list[int]) -> bool:
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


@given(terms=names, previous=speech)
def test_a_context_has_one_of_a_few_lengths_and_only_text(
    tokenizer: WhisperTokenizer, terms: list[str], previous: str
) -> None:
    context = context_tokens(tokenizer, key_terms=terms, previous=previous)

    assert len(context) in CONTEXT_LENGTHS
    assert all(token < tokenizer.end_of_text for token in context)


@given(terms=names, previous=speech)
def test_key_terms_are_whole_unless_they_alone_are_too_long(
    tokenizer: WhisperTokenizer, terms: list[str], previous: str
) -> None:
    context = context_tokens(tokenizer, key_terms=terms, previous=previous)

    asked = glossary(tokenizer, terms)
    if len(asked) <= LONGEST:
        assert is_run(asked, context)
    else:
        assert context == asked[:LONGEST]


@given(previous=speech)
def test_of_the_previous_text_the_end_is_kept(tokenizer: WhisperTokenizer, previous: str) -> None:
    context = context_tokens(tokenizer, key_terms=(), previous=previous)

    said = tokenizer.encode(f" {previous.strip()}")
    assert context == said[len(said) - len(context) :]
    assert len(context) == max(n for n in CONTEXT_LENGTHS if n <= len(said)) or not said[1:]


def test_previous_text_takes_the_room_that_key_terms_leave(tokenizer: WhisperTokenizer) -> None:
    terms = glossary(tokenizer, ["oui"])
    assert 0 < len(terms) < 16
    previous = " le conseil a bien voté" * 10

    context = context_tokens(tokenizer, key_terms=["oui"], previous=previous)

    said = tokenizer.encode(f" {previous.strip()}")
    length = len(context)
    assert length == max(n for n in CONTEXT_LENGTHS if n <= len(terms) + len(said))
    assert context == terms + said[-(length - len(terms)) :]


def test_key_terms_alone_are_filled_up_with_line_breaks(tokenizer: WhisperTokenizer) -> None:
    context = context_tokens(tokenizer, key_terms=["oui"], previous="")

    terms = glossary(tokenizer, ["oui"])
    filler = len(context) - len(terms)
    assert filler > 0
    assert context == tokenizer.encode("\n") * filler + terms


def test_without_terms_or_previous_text_there_is_no_context(tokenizer: WhisperTokenizer) -> None:
    assert context_tokens(tokenizer, key_terms=(), previous=" \n") == []
