"""Make the shortlist of a language: the tokens that spell its words.

    scripts/make-shortlist fr ~/.cache/captioner/models/base

That installs what this needs and the service does not: the word frequencies of wordfreq.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import wordfreq
from tokenizers import Tokenizer

from captioner.asr.model_files import read_vocabulary
from captioner.asr.shortlist import BYTES, LISTED

TARGET = Path(__file__).parent.parent / "captioner" / "asr" / "shortlists"
TOKENS = 18_000  # that words are spelled with: all but one in a thousand, by frequency
WORDS = 300_000
FIRST_MERGE = ["Ġ", "t"]  # which some published tokenizers lack
LATIN = 0x250  # code points below it are Latin
PUNCTUATION = range(0x2000, 0x20D0)  # general punctuation and currencies


def main() -> None:
    """Write the list."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("language")
    parser.add_argument("model", type=Path, help="folder of a multilingual Whisper")
    arguments = parser.parse_args()
    vocabulary = read_vocabulary(arguments.model)
    chosen = {token for token, _ in frequencies(arguments.language, arguments.model)}
    chosen |= {token for token in range(BYTES, LISTED) if is_sign(text_of(vocabulary[token]))}
    bits = np.zeros(LISTED, np.bool_)
    bits[[*chosen, *range(BYTES)]] = True
    np.save(TARGET / f"{arguments.language}.npy", np.packbits(bits))
    print(f"{int(bits.sum())} of {LISTED} tokens")


def frequencies(language: str, model: Path) -> list[tuple[int, float]]:
    """The most frequent tokens and how often they are written."""
    tokenizer = complete_tokenizer(model)
    counts: Counter[int] = Counter()
    for word in wordfreq.top_n_list(language, WORDS, wordlist="large"):
        often = wordfreq.word_frequency(word, language, wordlist="large")
        for form in forms(word):
            for token in tokenizer.encode(form, add_special_tokens=False).ids:
                counts[token] += often
    return counts.most_common(TOKENS)


def forms(word: str) -> Iterator[str]:
    """How a word stands in a text: after a space, an apostrophe, a hyphen, at the beginning."""
    yield from (f" {word}", f" {word.capitalize()}", word.capitalize(), f"'{word}", f"-{word}")
    yield f" {word.upper()}"


def complete_tokenizer(model: Path) -> Tokenizer:
    """The tokenizer of a model, with the merge that some lack."""
    content = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    merges = content["model"]["merges"]
    first = FIRST_MERGE if isinstance(merges[0], list) else " ".join(FIRST_MERGE)
    if first not in merges:
        merges.insert(0, first)
    return Tokenizer.from_str(json.dumps(content))


def is_sign(text: str) -> bool:
    """Whether a token is Latin punctuation or digits, without a letter."""
    known = all(ord(character) < LATIN or ord(character) in PUNCTUATION for character in text)
    return bool(text) and known and not any(character.isalpha() for character in text)


def text_of(token: str) -> str:
    """The text of a token; empty when it is no whole characters."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    bytes_of = {chr(byte): byte for byte in printable}
    bytes_of |= {chr(256 + index): byte for index, byte in enumerate(others)}
    try:
        return bytes(bytes_of[character] for character in token).decode()
    except (KeyError, UnicodeDecodeError):
        return ""


if __name__ == "__main__":
    main()
