"""The words of one utterance while it is spoken: which are committed, which are shown.

Words are committed by agreement of two successive hypotheses (LocalAgreement-2, Macháček et al.
2023) among those that end well before the edge of the window (AlignAtt's rule, Papi et al. 2023,
applied to the alignment after the decode). Committed words are forced on every later decode. A
word that is shown changes only for one that the engine is surer of.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from captioner.asr.engine import DecodeRow
from captioner.asr.window import MEL_HOP, needed_frames
from captioner.streaming.audio import SessionAudio
from captioner.streaming.revision import reconcile
from captioner.streaming.settings import Effort, StreamingSettings
from captioner.streaming.words import SpelledWord, in_order, same_words
from captioner.transcript import Hypothesis, Word


@dataclass(frozen=True, slots=True)
class Window:
    """What a decode is given: the audio of [start, edge), and what is known of it."""

    start: int
    edge: int
    prefix: tuple[SpelledWord, ...] = ()
    """Committed words inside the window, which the hypothesis must begin with."""
    whole: bool = False
    """Whether the committed words inside it are decoded again."""

    @property
    def speech_frames(self) -> int:
        """Frames of 10 ms."""
        return (self.edge - self.start) // MEL_HOP


@dataclass(frozen=True, slots=True)
class Answer:
    """The words of an utterance as if it ended at `end`."""

    end: int
    words: tuple[SpelledWord, ...]


class Utterance:
    """An utterance from its start to its final."""

    def __init__(self, start: int, settings: StreamingSettings, audio: SessionAudio) -> None:
        self.start = start
        self.settings = settings
        self.voiced = 0
        """Samples that the detector took for speech."""
        self.caption_id = 0
        """0 until a caption of it is sent."""
        self.revision = 0
        self.committed: list[SpelledWord] = []
        self.tentative: tuple[SpelledWord, ...] = ()
        """What is shown after the committed words."""
        self.answer: Answer | None = None
        """The last decode that was of final quality."""
        self.shown: tuple[tuple[str, ...], int] = ((), 0)
        """Texts and number of committed words last sent."""
        self._audio = audio
        self._window_start = start
        self._heard: tuple[SpelledWord, ...] = ()
        """All that the last hypothesis says after the committed words."""

    # --- windows

    def interim_window(self, edge: int) -> Window:
        """The window that ends at `edge`, starting later once it would be long."""
        settings = self.settings
        if edge - self._window_start > settings.trim_after:
            self._window_start = self._gap_before(edge - settings.trim_to, self._window_start)
        _, after = self._split_at(self._window_start)
        return Window(self._window_start, edge, tuple(after))

    def final_window(self, end: int, effort: Effort) -> Window:
        """The window of the final: all that it may still correct."""
        if self.settings.append_only:
            return self.interim_window(end)
        start, latest = self.start, end - self.settings.final_reach
        if effort.sure < 1.0:
            latest = max(latest, self._unsure_from(end, effort.sure))
        if latest > start:
            start = self._gap_before(latest, start)
        return Window(start, end, whole=True)

    def _unsure_from(self, end: int, sure: float) -> int:
        """The latest start of a window that holds every word less probable than `sure`."""
        latest = end - self.settings.trim_to
        doubtful = (w.word.start for w in self.committed if w.word.probability < sure)
        return min(latest, next(doubtful, latest) - self.settings.lead)

    def row(self, window: Window, effort: Effort | None = None) -> DecodeRow:
        """The engine's request for a window; `effort` is that of a final."""
        settings = self.settings
        if effort is None:
            rule, at_least = settings.interim_rule, 0
        else:
            rule, at_least = settings.window, effort.window
        return DecodeRow(
            features=self._audio.features(window.start, window.edge, rule, at_least=at_least),
            speech_frames=window.speech_frames,
            needed_frames=0 if at_least else needed_frames(window.speech_frames, rule),
            language=settings.language,
            beam_size=effort.beam_size if effort else 1,
            prefix=tuple(token for spelled in window.prefix for token in spelled.tokens),
            key_terms=settings.key_terms,
            retry=effort is not None and effort.retry,
        )

    def settled(self, window: Window) -> tuple[SpelledWord, ...]:
        """The committed words before a window: nothing changes them any more."""
        return tuple(self._split_at(window.start)[0])

    def _split_at(self, position: int) -> tuple[list[SpelledWord], list[SpelledWord]]:
        """The committed words that start before a position, and the others."""
        count = sum(spelled.word.start < position for spelled in self.committed)
        return self.committed[:count], self.committed[count:]

    def _gap_before(self, latest: int, start: int) -> int:
        """The last gap between committed words from `start` to `latest`; `start` if none."""
        for before, after in itertools.pairwise(self.committed):
            gap = (before.word.end + after.word.start) // 2 // MEL_HOP * MEL_HOP
            if before.word.start < gap <= min(after.word.start, latest):
                start = max(start, gap)
        return start

    # --- words

    def spelled(self, hypothesis: Hypothesis, window: Window) -> tuple[SpelledWord, ...]:
        """The words after the forced prefix, at their places in the session."""
        forced = sum(len(spelled.tokens) for spelled in window.prefix)
        floor = window.prefix[-1].word.end if window.prefix else window.start
        words: list[SpelledWord] = []
        seen = 0
        for word, tokens in zip(hypothesis.words, hypothesis.word_tokens, strict=True):
            if seen >= forced:
                start = max(floor, word.start + window.start)
                end = max(start, word.end + window.start)
                placed = Word(word.text, start, end, word.probability)
                words.append(SpelledWord(placed, tokens))
            seen += len(tokens)
        return tuple(words)

    def listen(self, words: tuple[SpelledWord, ...], edge: int) -> None:
        """Take the words of an interim after the committed ones; commit what is stable."""
        settings = self.settings
        floor = self.committed[-1].word.end if self.committed else self.start
        words = in_order(reconcile(self.tentative, words, surer=settings.interim_surer), floor)
        settled = [w for w in words[:-1] if w.word.end <= edge - settings.commit_margin]
        old = [w for w in settled if w.word.end <= edge - settings.commit_after]
        stable = max(same_words(settled, self._heard), len(old))
        self.committed.extend(words[:stable])
        self._heard = words[stable:]
        self.tentative = self._visible(edge, self.tentative[stable:])

    def _visible(self, edge: int, shown: Sequence[SpelledWord]) -> tuple[SpelledWord, ...]:
        """The words to show: not those that the window's edge may cut, unless shown already."""
        count = same_words(self._heard, shown)
        while count < len(self._heard):
            if self._heard[count].word.end > edge - self.settings.hidden:
                break
            count += 1
        return self._heard[:count]

    def pause(self, answer: Answer) -> None:
        """Take an answer that turned out not to be the end: all but the last word are stable.

        The last one is left open, for its punctuation depends on how the speaker goes on. An
        answer that contradicts committed words changes nothing.
        """
        count = len(self.committed)
        if same_words(self.committed, answer.words) < count:
            return
        words = answer.words[count:]
        self.committed.extend(words[:-1])
        self.tentative = self._heard = words[-1:]
