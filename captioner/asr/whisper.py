"""Whisper on CTranslate2: encode once, decode in batches, align in batches."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ctranslate2
import numpy as np

from captioner.asr.alignment import Calibration, place_words
from captioner.asr.engine import SHORTEST_SPEECH, DecodeRow, EngineInfo, Float32
from captioner.asr.key_terms import spell_key_terms
from captioner.asr.model_files import read_vocabulary
from captioner.asr.network import Generated, Network, Placement
from captioner.asr.plausibility import doubt
from captioner.asr.shortlist import Shortlist, listed, listed_languages
from captioner.asr.tokenizer import WhisperTokenizer, WordTokens
from captioner.asr.window import MEL_HOP, PADDED
from captioner.errors import CaptionerError, EngineFault, InvalidRequest, ModelError
from captioner.models.manifest import Manifest
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word

TOKENS_PER_SECOND = 8  # French speech stays under this; a loop does not
TOKENS_GRACE = 8
POSITIONS = 448  # tokens that the decoder can place: prompt, prefix and what it adds
MAX_TOKENS = POSITIONS // 2  # that one decode may add
TRIED_FRAMES = 50  # frames of 10 ms that a new engine decodes before it is used
FRAMES = 2  # of the log-mel, 10 ms, in one of the encoder's output
HEARD_SILENCE = 25  # frames of 20 ms behind the speech from which the decoder knows its end
UNHEARD = 75  # frames of 20 ms at the end of a window that hold no speech by its rule, and no more
FALLBACK_TEMPERATURE = 0.4
FALLBACK_BEAM = 5


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """How the engine computes."""

    device: str = "auto"
    compute_type: str = "auto"
    workers: int = 0
    """Batches at once; 0: one a core on CPU, one a GPU."""
    threads_per_worker: int = 1
    shortlist: str = ""
    """The language that is decoded with its part of the vocabulary, on CPU; others have all."""


class WhisperEngine:
    """One loaded model. `decode` may be called from `workers` threads at once."""

    def __init__(self, directory: Path, manifest: Manifest, settings: WhisperSettings) -> None:
        """Load the model.

        Raises:
            ModelError: the directory does not hold a model that CTranslate2 can load, or the
                device cannot compute it: on a GPU that shows only in the first decode.
        """
        cuda = settings.device == "cuda" or (
            settings.device == "auto" and ctranslate2.get_cuda_device_count() > 0
        )
        compute_type = settings.compute_type
        if compute_type == "auto":
            compute_type = "float16" if cuda else "int8"
        self._directory = directory
        self._placement = Placement(
            device="cuda" if cuda else "cpu",
            compute_type=compute_type,
            workers=settings.workers or (1 if cuda else len(os.sched_getaffinity(0))),
            threads_per_worker=settings.threads_per_worker,
        )
        self._tokenizer = WhisperTokenizer.from_directory(directory)
        self._shortlisted = "" if cuda else _with_shortlist(settings.shortlist)
        self._loading = threading.Lock()
        self._networks: dict[str, Network] = {}
        network = self.network(self._shortlisted)
        self._calibration = Calibration(
            round(manifest.word_start_shift * SAMPLE_RATE),
            round(manifest.word_end_shift * SAMPLE_RATE),
        )
        self._info = EngineInfo(
            model=manifest.name,
            digest=manifest.digest,
            languages=manifest.languages,
            n_mels=network.n_mels,
            window=manifest.window,
            device=self._placement.device,
            compute_type=network.compute_type,
        )
        self._closed = False
        self._try_out(directory)

    def _try_out(self, directory: Path) -> None:
        """Decode half a second of nothing: libraries are loaded now, not in somebody's caption."""
        nothing = DecodeRow(
            features=np.zeros((self._info.n_mels, TRIED_FRAMES), np.float32),
            speech_frames=TRIED_FRAMES,
            language=self._info.languages[0],
            max_new_tokens=1,
            retry=False,
        )
        try:
            self._decode([nothing])
        except (RuntimeError, ValueError, InvalidRequest) as error:
            raise ModelError(f"{self._info.device} cannot compute {directory}: {error}") from error

    @property
    def info(self) -> EngineInfo:
        """The model and the device behind this engine."""
        return self._info

    @property
    def workers(self) -> int:
        """How many batches may be computed at the same time."""
        return self._placement.workers

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """Rows share a batch when what is decoded, how and with which vocabulary agree."""
        return (
            row.features.shape[1],
            row.beam_size,
            row.temperature,
            bool(row.prefix),
            row.language == self._shortlisted,
            row.needed_frames > 0,
        )

    def decode(self, rows: Sequence[DecodeRow]) -> list[Hypothesis | CaptionerError]:
        """Decode rows of one group: one hypothesis, or its own error, for each.

        Raises:
            EngineFault: the engine itself failed, or was closed.
        """
        if self._closed:
            raise EngineFault(f"the engine of {self._info.model} was closed")
        answers: list[Hypothesis | CaptionerError | None] = [self._refusal(row) for row in rows]
        good = [index for index, answer in enumerate(answers) if answer is None]
        try:
            hypotheses = self._decode([rows[index] for index in good])
        except (RuntimeError, ValueError) as error:
            raise EngineFault(f"a batch of {len(good)} rows failed: {error}") from error
        for index, hypothesis in zip(good, hypotheses, strict=True):
            row = rows[index]
            answers[index] = spell_key_terms(
                hypothesis, row.key_terms, self._tokenizer.encode, forced=len(row.prefix)
            )
        return [answer for answer in answers if answer is not None]

    def close(self) -> None:
        """Free the model's memory; the engine decodes no more.

        CTranslate2 keeps a model whose last batch is still being put away: that one is freed with
        the engine.
        """
        self._closed = True
        for network in self._networks.values():
            network.unload()

    def network(self, language: str) -> Network:
        """The network that decodes a language.

        That of the whole vocabulary is loaded when its first language is asked for: few are, and a
        second network takes as much memory as the first.

        Raises:
            ModelError: it cannot be loaded.
        """
        name = language if language == self._shortlisted else ""
        with self._loading:
            if name not in self._networks:
                shortlist = self._shortlist(name) if name else None
                self._networks[name] = Network(
                    self._directory, self._placement, shortlist=shortlist
                )
            return self._networks[name]

    # --- one batch

    def _decode(self, rows: Sequence[DecodeRow]) -> list[Hypothesis]:
        if not rows:
            return []
        memory = self._encode(rows)
        hypotheses = self._search(rows, memory)
        for index, row in enumerate(rows):
            if row.retry and doubt(hypotheses[index], row.speech_frames * MEL_HOP):
                hypotheses[index] = self._second_opinion(row, hypotheses[index])
        return hypotheses

    def _second_opinion(self, row: DecodeRow, first: Hypothesis) -> Hypothesis:
        """Decode a doubtful row again on the padded window, then with temperature."""
        padded = replace(
            row,
            features=pad_features(np.asarray(row.features)),
            needed_frames=0,
            beam_size=max(row.beam_size, FALLBACK_BEAM),
        )
        memory = self._encode([padded])
        best = first
        for attempt in (padded, replace(padded, temperature=FALLBACK_TEMPERATURE)):
            hypothesis = self._search([attempt], memory)[0]
            if doubt(hypothesis, row.speech_frames * MEL_HOP) is None:
                return hypothesis
            if hypothesis.average_logprob > best.average_logprob:
                best = hypothesis
        return best

    def _shortlist(self, language: str) -> Shortlist:
        vocabulary = read_vocabulary(self._directory)
        end = self._tokenizer.end_of_text
        return Shortlist(vocabulary, listed(language), end_of_text=end)

    def _encode(self, rows: Sequence[DecodeRow]) -> ctranslate2.StorageView:
        """Encode rows, for a decoder that hears the windows as far as they are needed."""
        heard = -(-rows[0].features.shape[1] // FRAMES)
        if rows[0].needed_frames:
            longest = max(row.speech_frames for row in rows)
            heard = min(heard, max(heard - UNHEARD, -(-longest // FRAMES) + HEARD_SILENCE))
        return self.network(rows[0].language).encode(
            [np.asarray(row.features) for row in rows],
            needed=[row.needed_frames for row in rows],
            heard=heard,
        )

    def _search(
        self, rows: Sequence[DecodeRow], memory: ctranslate2.StorageView
    ) -> list[Hypothesis]:
        first = rows[0]
        tasks = [self._tokenizer.task(row.language) for row in rows]
        bounds = [
            token_bound(row, len(task) + len(row.prefix))
            for row, task in zip(rows, tasks, strict=True)
        ]
        sampling = first.temperature > 0
        results = self.network(first.language).generate(
            memory,
            tasks,
            [row.prefix for row in rows],
            beam_size=1 if sampling else first.beam_size,
            steps=max(len(row.prefix) + bound for row, bound in zip(rows, bounds, strict=True)),
            sampling_topk=0 if sampling else 1,
            sampling_temperature=first.temperature if sampling else 1.0,
        )
        texts = []
        for row, result, bound in zip(rows, results, bounds, strict=True):
            tokens = [t for t in result.tokens if t < self._tokenizer.end_of_text]
            texts.append(tokens[: len(row.prefix) + bound])
        words = self._words(rows, texts, memory)
        return [
            self._hypothesis(row, result, text, row_words)
            for row, result, text, row_words in zip(rows, results, texts, words, strict=True)
        ]

    def _hypothesis(
        self,
        row: DecodeRow,
        result: Generated,
        text: list[int],
        words: tuple[tuple[WordTokens, ...], tuple[Word, ...]],
    ) -> Hypothesis:
        decoded = len(result.tokens) - len(row.prefix) + 1  # end of text counts
        return Hypothesis(
            words=words[1],
            word_tokens=tuple(word.tokens for word in words[0]),
            average_logprob=result.logprob / decoded if text else 0.0,
            no_speech_probability=result.no_speech,
            language=row.language,
        )

    def _words(
        self, rows: Sequence[DecodeRow], texts: list[list[int]], memory: ctranslate2.StorageView
    ) -> list[tuple[tuple[WordTokens, ...], tuple[Word, ...]]]:
        """Split each row's tokens into words and align them, one call a language."""
        split = [
            (
                *self._tokenizer.split(text[: len(row.prefix)]),
                *continuation(
                    self._tokenizer.split(text[len(row.prefix) :]), after_prefix=bool(row.prefix)
                ),
            )
            for row, text in zip(rows, texts, strict=True)
        ]
        placed: list[tuple[Word, ...]] = [()] * len(rows)
        for language in {row.language for row in rows}:
            chosen = self._aligned_together(language, rows, split)
            if not chosen:
                continue
            aligned = self.network(language).align(
                memory if len(chosen) == len(rows) else select_rows(memory, chosen),
                self._tokenizer.task(language),
                [[token for word in split[i] for token in word.tokens] for i in chosen],
                [rows[i].speech_frames for i in chosen],
            )
            for i, result in zip(chosen, aligned, strict=True):
                placed[i] = place_words(
                    split[i],
                    result.alignments,
                    result.text_token_probs,
                    speech=rows[i].speech_frames * MEL_HOP,
                    calibration=self._calibration,
                )
        return list(zip(split, placed, strict=True))

    def _aligned_together(
        self, language: str, rows: Sequence[DecodeRow], split: Sequence[Sequence[WordTokens]]
    ) -> list[int]:
        """The rows of a language that have words.

        When no others have any, a GPU takes the wordless rows along: that costs less than a way
        over the CPU for those that are chosen.
        """
        spoken = [i for i, words in enumerate(split) if words]
        chosen = [i for i in spoken if rows[i].language == language]
        if self._info.device != "cpu" and chosen and chosen == spoken:
            return list(range(len(rows)))
        return chosen

    # --- one row

    def _refusal(self, row: DecodeRow) -> CaptionerError | None:
        """The error of a row that the engine cannot take, or None."""
        frames = row.features.shape[1]
        if row.features.shape[0] != self._info.n_mels:
            return InvalidRequest(
                f"the window has {row.features.shape[0]} mel bands, the model {self._info.n_mels}"
            )
        if not SHORTEST_SPEECH <= row.speech_frames <= frames <= PADDED // MEL_HOP:
            return InvalidRequest(
                f"{row.speech_frames} frames of speech in a window of {frames}: "
                f"expected {SHORTEST_SPEECH} to {PADDED // MEL_HOP}"
            )
        if row.language not in self._info.languages:
            return InvalidRequest(f"the model does not know the language {row.language!r}")
        if not all(0 <= token < self._tokenizer.end_of_text for token in row.prefix):
            return InvalidRequest(f"the prefix {row.prefix} holds tokens that are not text")
        if (taken := len(self._tokenizer.task(row.language)) + len(row.prefix)) >= POSITIONS:
            return InvalidRequest(
                f"prompt and prefix take {taken} of the decoder's {POSITIONS} positions"
            )
        return None


def _with_shortlist(language: str) -> str:
    """The language if there is a list for it, else none."""
    return language if language in listed_languages() else ""


def token_bound(row: DecodeRow, prompt: int) -> int:
    """Most tokens that a row may add to its prompt of so many tokens, prefix included."""
    most = min(MAX_TOKENS, POSITIONS - prompt)
    if row.max_new_tokens:
        return min(row.max_new_tokens, most)
    seconds = row.speech_frames * MEL_HOP / SAMPLE_RATE
    said = round(seconds * TOKENS_PER_SECOND) - len(row.prefix)
    return min(max(said, 0) + TOKENS_GRACE, most)


def continuation(words: Sequence[WordTokens], *, after_prefix: bool) -> Sequence[WordTokens]:
    """Words decoded after a forced prefix, without a mark that would alter its last word."""
    if after_prefix and words and not any(c.isalnum() for c in words[0].text):
        return words[1:]
    return words


def select_rows(memory: ctranslate2.StorageView, rows: Sequence[int]) -> ctranslate2.StorageView:
    """Some rows of an encoder output, on the CPU."""
    on_cpu = memory.to_device(ctranslate2.Device.cpu) if memory.device != "cpu" else memory
    if on_cpu.dtype == ctranslate2.DataType.bfloat16:  # which NumPy does not have
        on_cpu = on_cpu.to(ctranslate2.DataType.float32)
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(on_cpu)[list(rows)]))


def pad_features(features: Float32) -> Float32:
    """The same window padded to 30 s: more of the silence that it ends with."""
    missing = PADDED // MEL_HOP - features.shape[1]
    return np.pad(features, ((0, 0), (0, missing)), mode="edge")
