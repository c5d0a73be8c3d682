from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.prompt import CONTEXT_LENGTHS, context_tokens
from captioner.asr.tokenizer import WhisperTokenizer

speech = st.text(st.sampled_from(" leaisét.,<|>"), max_size=400)


@given(previous=speech)
def test_a_context_has_one_of_a_few_lengths_and_only_text(
    tokenizer: WhisperTokenizer, previous: str
) -> None:
    context = context_tokens(tokenizer, previous)
    assert len(context) in CONTEXT_LENGTHS
    assert all(token < tokenizer.end_of_text for token in context)


@given(previous=speech)
def test_of_the_previous_text_the_end_is_kept(tokenizer: WhisperTokenizer, previous: str) -> None:
    context = context_tokens(tokenizer, previous)
    said = tokenizer.encode(f" {previous.strip()}") if previous.strip() else []
    assert context == said[len(said) - len(context) :]
    assert len(context) == max(n for n in CONTEXT_LENGTHS if n <= len(said))


def test_without_previous_text_there_is_no_context(tokenizer: WhisperTokenizer) -> None:
    assert context_tokens(tokenizer, " \n") == []
