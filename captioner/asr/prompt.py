"""Prompts of fixed lengths, so that rows of different sessions can share a batch.

CTranslate2 decodes a batch only when every prompt has its start-of-transcript token at the same
index, and it does not pad on the left. So the context (key terms, then previous text) is cut to
one of a few lengths, always keeping its end: what was said last matters most.
"""

from __future__ import annotations

from collections.abc import Sequence

from captioner.asr.tokenizer import WhisperTokenizer

CONTEXT_LENGTHS = (0, 16, 32, 64, 128)  # tokens after <|startofprev|>
GLOSSARY = " Glossaire : "


def context_tokens(
    tokenizer: WhisperTokenizer, *, key_terms: Sequence[str], previous: str
) -> list[int]:
    """Context for a row, cut or filled to one of `CONTEXT_LENGTHS`.

    Key terms come first, as a glossary sentence; the previous text fills what they leave. When
    the context is between two lengths it is cut to the shorter one by dropping the oldest
    previous text, but key terms are never cut: they are filled up with leading line breaks.
    """
    terms = tokenizer.encode(GLOSSARY + ", ".join(key_terms) + ".") if key_terms else []
    terms = terms[: CONTEXT_LENGTHS[-1]]
    said = tokenizer.encode(" " + previous.strip()) if previous.strip() else []
    total = len(terms) + len(said)
    length = max(n for n in CONTEXT_LENGTHS if n <= total)
    if length < len(terms):
        length = min(n for n in CONTEXT_LENGTHS if n >= len(terms))
    room = length - len(terms)
    kept = said[-room:] if room else []
    filler = tokenizer.encode("\n")[:1] * (length - len(terms) - len(kept))
    return filler + terms + kept
