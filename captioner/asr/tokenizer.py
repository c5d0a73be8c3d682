"""Whisper's vocabulary: prompts in, words out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from captioner.errors import InvalidRequest, ModelError

REPLACEMENT = "\ufffd"  # what an incomplete UTF-8 sequence decodes to
CLOSING = "!?.,;:»)]}%…\"'”"  # attaches to the word before it
OPENING = "«([{“¿¡-–—"  # attaches to the word after it


@dataclass(frozen=True, slots=True)
class WordTokens:
    """A word and the run of tokens that spells it."""

    text: str
    tokens: tuple[int, ...]


class WhisperTokenizer:
    """The tokenizer of one multilingual Whisper model."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def from_directory(cls, directory: Path) -> WhisperTokenizer:
        """Read ``tokenizer.json``.

        Raises:
            ModelError: when the file is missing or not a tokenizer.
        """
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise ModelError(f"{directory} holds no tokenizer.json")
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises nothing narrower
            raise ModelError(f"{path} is not a tokenizer: {error}") from error

    def _special(self, name: str) -> int:
        token = self._tokenizer.token_to_id(name)
        if token is None:
            raise ModelError(f"the vocabulary has no {name}: not a multilingual Whisper model")
        return int(token)

    @cached_property
    def end_of_text(self) -> int:
        """The token that ends a hypothesis; ordinary text is below it."""
        return self._special("<|endoftext|>")

    def task(self, language: str) -> list[int]:
        """The tokens that ask for a transcription in `language`, without timestamps.

        Raises:
            InvalidRequest: when the model does not know the language.
        """
        token = self._tokenizer.token_to_id(f"<|{language}|>")
        if token is None:
            raise InvalidRequest(f"the model does not know the language {language!r}")
        return [
            self._special("<|startoftranscript|>"),
            int(token),
            self._special("<|transcribe|>"),
            self._special("<|notimestamps|>"),
        ]

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text; a leading space makes it start a word.

        What looks like a task token or a timestamp is left out: a prompt has them once, in place.
        """
        tokens = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [token for token in tokens if token < self.end_of_text]

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, task tokens and timestamps left out."""
        kept = [token for token in tokens if token < self.end_of_text]
        return str(self._tokenizer.decode(kept))

    def split(self, tokens: Sequence[int]) -> list[WordTokens]:
        """Group text tokens into words, punctuation attached.

        A word starts at a token that begins with a space. French sets a space before some
        closing marks: such a mark joins the word before it, space kept.
        """
        return _attach_punctuation(self._space_groups(tokens))

    def _space_groups(self, tokens: Sequence[int]) -> Iterable[tuple[str, list[int]]]:
        text = ""
        run: list[int] = []
        for piece, piece_tokens in self._characters(tokens):
            if run and piece[:1].isspace():
                yield text, run
                text, run = "", []
            text += piece
            run = run + piece_tokens
        if run:
            yield text, run

    def _characters(self, tokens: Sequence[int]) -> Iterable[tuple[str, list[int]]]:
        """Runs of tokens that decode to whole characters."""
        run: list[int] = []
        for token in tokens:
            run.append(token)
            piece = self.decode(run)
            if not piece.endswith(REPLACEMENT):
                yield piece.replace(REPLACEMENT, ""), run
                run = []
        if run:  # cut within a character, which is then not shown
            yield self.decode(run).replace(REPLACEMENT, ""), run


def _attach_punctuation(groups: Iterable[tuple[str, list[int]]]) -> list[WordTokens]:
    words: list[WordTokens] = []
    pending_text = ""
    pending_tokens: list[int] = []
    for text, tokens in groups:
        bare = text.strip()
        if words and not pending_tokens and all(mark in CLOSING for mark in bare):
            last = words.pop()
            words.append(WordTokens(_spaced(last.text + text), (*last.tokens, *tokens)))
        elif all(mark in OPENING for mark in bare):
            pending_text += text
            pending_tokens = pending_tokens + tokens
        else:
            words.append(WordTokens(_spaced(pending_text + text), (*pending_tokens, *tokens)))
            pending_text, pending_tokens = "", []
    if pending_text.strip():
        words.append(WordTokens(_spaced(pending_text), tuple(pending_tokens)))
    elif pending_tokens and words:
        last = words.pop()
        words.append(WordTokens(last.text, (*last.tokens, *pending_tokens)))
    return words


def _spaced(text: str) -> str:
    """The text with single spaces inside and none around."""
    return " ".join(text.split())
