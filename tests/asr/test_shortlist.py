from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.model_files import read_vocabulary
from captioner.asr.shortlist import BYTES, Shortlist, listed, listed_languages
from captioner.asr.tokenizer import WhisperTokenizer
from captioner.errors import ModelError
from captioner.models.verification import Model

LETTERS = [chr(0x100 + number) for number in range(BYTES)]  # bytes, as printable characters
PIECES = ["".join(LETTERS[n : n + length]) for n in range(40) for length in (2, 3)]
TASKS = ["<|startoftranscript|>", "<|fr|>", "<|notimestamps|>"]
VOCABULARY = [*LETTERS, *PIECES, "<|endoftext|>", *TASKS, "<|0.00|>"]
END_OF_TEXT = len(VOCABULARY) - 5
START, FRENCH, LAST_TASK = range(END_OF_TEXT + 1, END_OF_TEXT + 4)

text_tokens = st.integers(0, END_OF_TEXT - 1)


@given(kept=st.sets(text_tokens), tokens=st.lists(st.integers(0, LAST_TASK)))
def test_tokens_of_the_shorter_vocabulary_spell_the_same(kept: set[int], tokens: list[int]) -> None:
    shortlist = Shortlist(VOCABULARY, kept, end_of_text=END_OF_TEXT)

    restored = shortlist.restore(shortlist.shorten(tokens))

    assert spelled(restored) == spelled(tokens)
    assert set(restored) <= set(shortlist.kept)


@given(kept=st.sets(text_tokens))
def test_kept_tokens_stay_what_they_are(kept: set[int]) -> None:
    shortlist = Shortlist(VOCABULARY, kept, end_of_text=END_OF_TEXT)

    assert shortlist.restore(shortlist.shorten(shortlist.kept)) == list(shortlist.kept)
    assert shortlist.shorten(shortlist.kept) == list(range(len(shortlist.kept)))


def test_bytes_and_what_is_no_text_are_always_kept_but_no_times() -> None:
    shortlist = Shortlist(VOCABULARY, (), end_of_text=END_OF_TEXT)

    assert shortlist.kept == (START, *range(BYTES), FRENCH, LAST_TASK, END_OF_TEXT)


@given(kept=st.sets(text_tokens), text=st.lists(text_tokens))
def test_text_lies_between_what_begins_a_prompt_and_what_ends_it(
    kept: set[int], text: list[int]
) -> None:
    shortlist = Shortlist(VOCABULARY, kept, end_of_text=END_OF_TEXT)
    first, last = shortlist.shorten([START, LAST_TASK])
    short = shortlist.shorten(text)

    assert all(first < token < last for token in short)
    assert all(token >= len(shortlist.kept) for token in shortlist.stepped(short))
    assert shortlist.restore(shortlist.stepped(short)) == shortlist.restore(short)


@pytest.mark.parametrize("missing", [START, LAST_TASK])
def test_another_kind_of_vocabulary_is_refused(missing: int) -> None:
    vocabulary = [token for number, token in enumerate(VOCABULARY) if number != missing]
    with pytest.raises(ModelError, match=r"has no <\|startoftranscript\|> behind its text, or no"):
        Shortlist(vocabulary, (), end_of_text=END_OF_TEXT)


def test_a_token_that_is_not_kept_is_spelled_in_the_longest_pieces() -> None:
    pair, triple = VOCABULARY.index(PIECES[0]), VOCABULARY.index(PIECES[1])
    shortlist = Shortlist(VOCABULARY, [pair], end_of_text=END_OF_TEXT)

    assert shortlist.restore(shortlist.shorten([triple])) == [pair, 2]


def test_tokens_to_suppress_are_those_that_are_kept() -> None:
    shortlist = Shortlist(VOCABULARY, [BYTES], end_of_text=END_OF_TEXT)

    assert shortlist.restrict([0, BYTES, BYTES + 1]) == shortlist.shorten([0, BYTES])


def test_french_is_listed_and_a_language_that_is_not_is_refused() -> None:
    assert "fr" in listed_languages()
    with pytest.raises(ModelError, match="no shortlist is shipped for 'xx'"):
        listed("xx")


@pytest.mark.slow
def test_french_is_spelled_as_before_with_a_third_of_the_tokens(base: Model) -> None:
    vocabulary = read_vocabulary(base.directory)
    tokenizer = WhisperTokenizer.from_directory(base.directory)
    shortlist = Shortlist(vocabulary, listed("fr"), end_of_text=tokenizer.end_of_text)
    text = (
        " Bonjour à tous, l'ordre du jour : 3 points, le budget (2027) et « l'accès » aux œuvres."
    )
    tokens = tokenizer.encode(text)

    assert len(shortlist.kept) < len(vocabulary) * 0.4
    assert sum(token in shortlist.kept for token in tokens) >= len(tokens) - 1
    assert tokenizer.decode(shortlist.restore(shortlist.shorten(tokens))) == text
    japanese = tokenizer.encode(" こんにちは")
    assert tokenizer.decode(shortlist.restore(shortlist.shorten(japanese))) == " こんにちは"


def spelled(tokens: list[int]) -> str:
    return "".join(VOCABULARY[token] for token in tokens)


def test_lists_are_in_the_package() -> None:
    folder = Path(__file__).parents[2] / "captioner" / "asr" / "shortlists"
    assert {path.stem for path in folder.glob("*.npy")} == set(listed_languages())
