"""The captions of one session: numbered, revised, their words in order, their text appended."""

from __future__ import annotations

from collections.abc import Sequence

from captioner.streaming.actions import Restart
from captioner.streaming.utterance import Utterance
from captioner.streaming.words import SpelledWord, in_order
from captioner.transcript import Caption


class CaptionWriter:
    """Turns the words of utterances, one utterance after the other, into captions."""

    def __init__(self, restart: Restart, *, append_only: bool) -> None:
        """Begin, or go on from where a session was interrupted."""
        self.next_caption = restart.next_caption
        self.has_text = restart.has_text
        """Whether any final had text."""
        self.words = 0
        """Words in finals."""
        self._append_only = append_only
        self._last_end = restart.position

    def interim(self, utterance: Utterance) -> Caption | None:
        """The interim that shows what is new of an utterance, if anything is."""
        words = (*utterance.committed, *utterance.tentative)
        showing = (tuple(spelled.word.text for spelled in words), len(utterance.committed))
        if showing == utterance.shown:
            return None
        return self._caption(utterance, words, len(utterance.committed), final=False)

    def final(self, utterance: Utterance, words: Sequence[SpelledWord]) -> Caption | None:
        """The final of an utterance; None when it has no words and none were ever shown."""
        if not words and not utterance.caption_id:
            return None
        caption = self._caption(utterance, words, len(words), final=True)
        self.has_text = self.has_text or bool(words)
        self.words += len(words)
        self._last_end = max(self._last_end, caption.end)
        return caption

    def _caption(
        self, utterance: Utterance, words: Sequence[SpelledWord], committed: int, *, final: bool
    ) -> Caption:
        if not utterance.caption_id:
            utterance.caption_id = self.next_caption
            self.next_caption += 1
        utterance.revision += 1
        placed = tuple(spelled.word for spelled in in_order(words, self._last_end))
        texts = tuple(word.text for word in placed)
        appended = self._appended(texts, utterance.shown[1], committed)
        utterance.shown = (texts, committed)
        start = max(self._last_end, utterance.start)
        return Caption(
            id=utterance.caption_id,
            revision=utterance.revision,
            start=placed[0].start if placed else start,
            end=placed[-1].end if placed else start,
            words=placed,
            committed=committed,
            final=final,
            language=utterance.settings.language,
            appended=appended,
        )

    def _appended(self, texts: Sequence[str], before: int, committed: int) -> str:
        """What an append-only consumer adds: the words committed since there were `before`."""
        new = texts[before:committed]
        if not self._append_only or not new:
            return ""
        return (" " if self.has_text or before else "") + " ".join(new)
