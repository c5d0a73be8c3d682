"""Prompts of fixed lengths, so that rows of different sessions can share a batch.

CTranslate2 decodes a batch only when every prompt has its start-of-transcript token at the same
index, and it does not pad on the left. So the context is cut to one of a few lengths, always
keeping its end: what was said last matters most.
"""

from __future__ import annotations

from captioner.asr.tokenizer import WhisperTokenizer

CONTEXT_LENGTHS = (0, 16, 32, 64, 128)  # tokens after <|startofprev|>


def context_tokens(tokenizer: WhisperTokenizer, previous: str) -> list[int]:
    """The end of the previous text, in one of `CONTEXT_LENGTHS`."""
    said = tokenizer.encode(" " + previous.strip()) if previous.strip() else []
    length = max(n for n in CONTEXT_LENGTHS if n <= len(said))
    return said[len(said) - length :]
