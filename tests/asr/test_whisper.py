"""Whisper on CTranslate2: rules that need no model, then the real `base`, loaded once for all."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from asr_vocabulary import TASK_TOKENS, byte_level
from synthesis import noise

from captioner.asr.engine import SHORTEST_SPEECH, DecodeRow
from captioner.asr.plausibility import bare
from captioner.asr.tokenizer import WordTokens
from captioner.asr.whisper import (
    MAX_TOKENS,
    POSITIONS,
    TOKENS_GRACE,
    TOKENS_PER_SECOND,
    WhisperEngine,
    WhisperSettings,
    continuation,
    pad_features,
    token_bound,
)
from captioner.asr.window import MEL_HOP, needed_frames, window_length
from captioner.audio.mel import log_mel
from captioner.errors import EngineFault, InvalidRequest, ModelError
from captioner.models.manifest import Manifest, WindowRule
from captioner.models.verification import Model
from captioner.transcript import SAMPLE_RATE, Hypothesis

SHORT = WindowRule(padded=False, silence=4.0)
Samples = npt.NDArray[np.float32]


def row_of(samples: Samples, *, window: int | None = None) -> DecodeRow:
    """A row of all the samples, in a window of so many samples or of the model's rule."""
    speech = samples[: len(samples) // MEL_HOP * MEL_HOP]
    length = window or window_length(len(speech), SHORT)
    return DecodeRow(
        features=log_mel(speech, silence=length - len(speech)),
        speech_frames=len(speech) // MEL_HOP,
        language="fr",
        retry=False,
    )


def tokens_of(hypothesis: Hypothesis) -> tuple[int, ...]:
    return tuple(token for tokens in hypothesis.word_tokens for token in tokens)


def decoded(engine: WhisperEngine, *rows: DecodeRow) -> list[Hypothesis]:
    answers = engine.decode(rows)
    good = [answer for answer in answers if isinstance(answer, Hypothesis)]
    assert len(good) == len(rows), answers
    return good


# --- rules that need no model


@pytest.mark.parametrize(
    ("seconds", "prefix", "bound"),
    [
        (0.0, 0, TOKENS_GRACE),
        (5.0, 0, 5 * TOKENS_PER_SECOND + TOKENS_GRACE),
        (5.0, 30, 5 * TOKENS_PER_SECOND - 30 + TOKENS_GRACE),
        (5.0, 60, TOKENS_GRACE),
        (30.0, 0, MAX_TOKENS),
    ],
)
def test_a_row_may_add_as_many_tokens_as_can_be_said(
    seconds: float, prefix: int, bound: int
) -> None:
    row = replace(
        row_of(np.zeros(0, np.float32)),
        speech_frames=round(seconds * 100),
        prefix=tuple(range(prefix)),
    )

    assert token_bound(row, 4 + prefix) == bound


def test_a_row_may_ask_for_fewer_tokens_but_gets_no_more_than_fit() -> None:
    row = replace(row_of(np.zeros(0, np.float32)), speech_frames=3000)

    assert token_bound(replace(row, max_new_tokens=5), 4) == 5
    assert token_bound(replace(row, max_new_tokens=MAX_TOKENS + 1), 4) == MAX_TOKENS
    assert token_bound(row, POSITIONS - 3) == 3


def test_a_mark_that_would_alter_the_last_forced_word_is_left_out() -> None:
    words = [WordTokens(",", (1,)), WordTokens("oui", (2,))]

    assert continuation(words, after_prefix=True) == words[1:]
    assert continuation(words, after_prefix=False) == words
    assert continuation(words[1:], after_prefix=True) == words[1:]
    assert continuation([], after_prefix=True) == []


def test_a_window_is_padded_with_the_silence_that_it_ends_with() -> None:
    features = log_mel(noise(SAMPLE_RATE), silence=SAMPLE_RATE)

    padded = pad_features(features)

    assert padded.shape == (80, 3000)
    assert np.array_equal(padded[:, :200], features)
    assert np.all(padded[:, 200:] == features[:, -1:])


def test_a_directory_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    byte_level(*TASK_TOKENS).save(str(tmp_path / "tokenizer.json"))
    manifest = Manifest(
        name="empty", description="", languages=("fr",), licence="", n_mels=80, files={}
    )

    with pytest.raises(ModelError, match="cannot load"):
        WhisperEngine(tmp_path, manifest, WhisperSettings(device="cpu"))


# --- the real model


class Counted:
    """The model, and how many rows each call took."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.calls: list[tuple[str, int]] = []
        self.shapes: list[tuple[int, ...]] = []
        self.memories: list[tuple[int, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, features: Any, **options: Any) -> Any:
        self.calls.append(("encode", features.shape[0]))
        self.shapes.append(tuple(features.shape))
        return self._model.encode(features, **options)

    def generate(self, memory: Any, prompts: Any, **options: Any) -> Any:
        self.calls.append(("generate", len(prompts)))
        self.memories.append(tuple(memory.shape))
        return self._model.generate(memory, prompts, **options)

    def align(self, memory: Any, start: Any, texts: Any, frames: Any, **options: Any) -> Any:
        self.calls.append(("align", len(texts)))
        return self._model.align(memory, start, texts, frames, **options)


@pytest.fixture(scope="module")
def engine(base: Model) -> Iterator[WhisperEngine]:
    engine = WhisperEngine(
        base.directory, base.manifest, WhisperSettings(device="cpu", compute_type="int8", workers=1)
    )
    yield engine
    engine.close()


@pytest.fixture
def counted(engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch) -> Counted:
    network = engine.network("fr")
    counted = Counted(network.model)
    monkeypatch.setattr(network, "model", counted)
    return counted


@pytest.fixture(scope="module")
def truth(recordings: Path) -> list[dict[str, Any]]:
    sentences: list[dict[str, Any]] = json.loads(
        (recordings / "sentences" / "truth.json").read_text()
    )
    return sentences


@pytest.fixture(scope="module")
def sentences(recordings: Path, truth: list[dict[str, Any]]) -> list[Samples]:
    return [read(recordings / "sentences" / sentence["file"]) for sentence in truth[:12]]


def read(path: Path) -> Samples:
    samples, _ = soundfile.read(path, dtype="float32")
    return np.asarray(samples, np.float32)


@pytest.mark.slow
def test_the_engine_says_what_it_is(engine: WhisperEngine, base: Model) -> None:
    assert engine.info.model == "base"
    assert engine.info.digest == base.manifest.digest
    assert engine.info.languages == base.manifest.languages
    assert engine.info.window == base.manifest.window
    assert (engine.info.n_mels, engine.info.device) == (80, "cpu")
    assert engine.info.compute_type.startswith("int8")
    assert engine.workers == 1


@pytest.mark.slow
def test_clear_sentences_are_understood(
    engine: WhisperEngine, sentences: list[Samples], truth: list[dict[str, Any]]
) -> None:
    errors = words = 0
    for sentence, true in zip(sentences, truth, strict=False):
        (heard,) = decoded(engine, row_of(sentence))
        errors += distance([bare(w.text) for w in heard.words], plain(true["text"]))
        words += len(plain(true["text"]))
        assert heard.average_logprob < 0
        assert 0 <= heard.no_speech_probability < 0.5
        assert heard.language == "fr"

    assert errors < 0.12 * words


def plain(text: str) -> list[str]:
    return [bare(word) for word in text.split() if bare(word)]


def distance(left: Sequence[str], right: Sequence[str]) -> int:
    row = list(range(len(right) + 1))
    for a in left:
        diagonal, row[0] = row[0], row[0] + 1
        for j, b in enumerate(right, 1):
            diagonal, row[j] = row[j], min(diagonal + (a != b), row[j - 1] + 1, row[j] + 1)
    return row[-1]


@pytest.mark.slow
def test_words_are_placed_where_they_are_said(
    engine: WhisperEngine, sentences: list[Samples], truth: list[dict[str, Any]]
) -> None:
    starts: list[float] = []
    ends: list[float] = []
    for sentence, true in zip(sentences, truth, strict=False):
        (heard,) = decoded(engine, row_of(sentence))
        if [bare(word.text) for word in heard.words] != [bare(w["word"]) for w in true["words"]]:
            continue
        for word, real in zip(heard.words, true["words"], strict=True):
            starts.append(abs(word.start / SAMPLE_RATE - real["start"]))
            ends.append(abs(word.end / SAMPLE_RATE - real["end"]))

    assert len(starts) > 40
    assert statistics.median(starts) < 0.1
    assert statistics.median(ends) < 0.1


@pytest.mark.slow
def test_a_row_gives_the_same_alone_and_in_a_batch(
    engine: WhisperEngine, sentences: list[Samples]
) -> None:
    rows = [row_of(sentence, window=10 * SAMPLE_RATE) for sentence in sentences[:3]]
    alone = [decoded(engine, row)[0] for row in rows]

    together = decoded(engine, *rows)

    for one, beside in zip(alone, together, strict=True):
        assert beside.text == one.text
        assert [(w.start, w.end) for w in beside.words] == [(w.start, w.end) for w in one.words]
        assert beside.average_logprob == pytest.approx(one.average_logprob, abs=1e-3)


@pytest.mark.slow
def test_each_row_is_encoded_once_and_all_are_decoded_and_aligned_in_one_call(
    engine: WhisperEngine, counted: Counted, sentences: list[Samples]
) -> None:
    rows = [row_of(sentence, window=10 * SAMPLE_RATE) for sentence in sentences[:3]]

    decoded(engine, *rows)

    assert counted.calls == [("encode", 1)] * 3 + [("generate", 3), ("align", 3)]


@pytest.mark.slow
@pytest.mark.parametrize("beam_size", [1, 5])
def test_forced_prefixes_of_any_length_share_a_batch_and_are_respected(
    engine: WhisperEngine, sentences: list[Samples], beam_size: int
) -> None:
    row = replace(row_of(sentences[0]), beam_size=beam_size)
    (free,) = decoded(engine, row)
    tokens = tokens_of(free)
    lengths = [sum(len(t) for t in free.word_tokens[:n]) for n in (1, 4, 9, 11)]
    rows = [replace(row, prefix=tokens[:length]) for length in lengths]
    assert len({engine.group(row) for row in rows}) == 1

    answers = decoded(engine, *rows)

    for row, answer in zip(rows, answers, strict=True):
        assert tokens_of(answer)[: len(row.prefix)] == row.prefix
        assert answer.text == free.text


@pytest.mark.slow
def test_a_prefix_that_is_complete_grows_no_words(
    engine: WhisperEngine, sentences: list[Samples]
) -> None:
    for sentence in sentences[:5]:
        (free,) = decoded(engine, row_of(sentence))

        (forced,) = decoded(engine, replace(row_of(sentence), prefix=tokens_of(free)))

        assert forced.text == free.text


@pytest.mark.slow
def test_a_prefix_longer_than_what_can_be_said_is_kept_whole(
    engine: WhisperEngine, sentences: list[Samples]
) -> None:
    (free,) = decoded(engine, row_of(sentences[0]))
    prefix = tokens_of(free) * 5

    (forced,) = decoded(engine, replace(row_of(sentences[0]), prefix=prefix, max_new_tokens=1))

    assert tokens_of(forced)[: len(prefix)] == prefix


@pytest.mark.slow
def test_the_tokens_after_a_prefix_are_as_probable_as_without_it(
    engine: WhisperEngine, sentences: list[Samples]
) -> None:
    """The mean is over what was decoded: forced tokens neither help nor harm."""
    (free,) = decoded(engine, row_of(sentences[0]))
    tokens = tokens_of(free)
    first = len(free.word_tokens[0])

    (forced,) = decoded(engine, replace(row_of(sentences[0]), prefix=tokens[:first]))

    whole = free.average_logprob * (len(tokens) + 1)
    rest = forced.average_logprob * (len(tokens) - first + 1)
    assert whole < rest < 0
    assert rest < 0.5 * whole


@pytest.mark.slow
def test_key_terms_that_look_like_tasks_break_nothing(
    engine: WhisperEngine, sentences: list[Samples]
) -> None:
    row = row_of(sentences[0])
    hostile = [f"<|{name}|>" for name in ("startoftranscript", "endoftext", "fr", "0.00")]
    rows = [
        replace(row, key_terms=(*hostile, "Lefèvre")),
        replace(row, key_terms=("Jean-François Lefèvre", "direction interministérielle")),
    ]
    answers = decoded(engine, *rows)
    assert all("majorité" in answer.text for answer in answers)


@pytest.mark.slow
def test_a_bad_row_gets_its_own_error_and_its_neighbours_their_words(
    engine: WhisperEngine, sentences: list[Samples]
) -> None:
    good = row_of(sentences[0])
    bad = {
        "80": replace(good, features=np.asarray(good.features)[:40]),
        "3 frames of speech": replace(good, speech_frames=SHORTEST_SPEECH - 1),
        "801 frames of speech in a window of 800": replace(
            good, features=np.asarray(good.features)[:, :800], speech_frames=801
        ),
        "3001": replace(good, features=np.zeros((80, 3001), np.float32)),
        "'xx'": replace(good, language="xx"),
        "not text": replace(good, prefix=(engine._tokenizer.end_of_text,)),
        "not text ": replace(good, prefix=(-1,)),
        "448 positions": replace(good, prefix=(1,) * POSITIONS),
    }

    answers = engine.decode([good, *bad.values(), good])

    assert isinstance(answers[0], Hypothesis)
    assert isinstance(answers[-1], Hypothesis)
    for (words, row), answer in zip(bad.items(), answers[1:-1], strict=True):
        assert isinstance(answer, InvalidRequest), row
        assert words.strip() in str(answer)


@pytest.mark.slow
def test_languages_share_a_batch(engine: WhisperEngine, sentences: list[Samples]) -> None:
    row = row_of(sentences[0])
    rows = [row, replace(row, language="en"), row]
    assert len({engine.group(row) for row in rows}) == 1

    french, english, again = decoded(engine, *rows)

    assert (french.language, english.language) == ("fr", "en")
    assert french.text == again.text
    assert all(len(answer.words) > 3 for answer in (french, english))


@pytest.mark.slow
def test_rows_that_cannot_share_a_batch_have_other_groups(
    engine: WhisperEngine, sentences: list[Samples]
) -> None:
    row = row_of(sentences[0])
    others = [
        row_of(sentences[0], window=14 * SAMPLE_RATE),
        replace(row, beam_size=5),
        replace(row, temperature=0.4),
        replace(row, prefix=(1,)),
    ]

    assert len({engine.group(other) for other in [row, *others]}) == 5


@pytest.mark.slow
def test_key_terms_are_spelt_as_given_and_share_the_batch(
    engine: WhisperEngine, recordings: Path
) -> None:
    folder = recordings / "key_terms"
    said = json.loads((folder / "truth.json").read_text())[:12]
    terms = tuple(dict.fromkeys(sentence["term"] for sentence in said))
    samples = [soundfile.read(folder / each["file"], dtype="float32")[0] for each in said]
    longest = max(map(len, samples)) + 4 * SAMPLE_RATE
    rows = [row_of(each, window=longest // MEL_HOP * MEL_HOP) for each in samples]
    helped = [replace(row, key_terms=terms) for row in rows]
    assert {engine.group(row) for row in helped} == {engine.group(rows[0])}

    def right(answers: list[Hypothesis]) -> int:
        return sum(each["term"] in answer.text for each, answer in zip(said, answers, strict=True))

    assert right(decoded(engine, *helped)) >= right(decoded(engine, *rows)) + 4


@pytest.mark.slow
def test_a_loop_is_decoded_again_on_the_padded_window(
    engine: WhisperEngine, counted: Counted, sentences: list[Samples]
) -> None:
    """Half a second of silence after this sentence is not enough for `base`."""
    speech = len(sentences[4]) // (2 * MEL_HOP) * 2 * MEL_HOP
    short = row_of(sentences[4][:speech], window=speech + SAMPLE_RATE // 2)
    (looping,) = decoded(engine, short)
    counted.calls.clear()

    (better,) = decoded(engine, replace(short, retry=True))

    assert len(looping.words) > 1.5 * len(better.words)
    assert plain(better.text) == plain("Cette décision sera publiée au Journal officiel.")
    assert counted.calls == [("encode", 1), ("generate", 1), ("align", 1)] * 2


@pytest.mark.slow
def test_what_still_loops_is_decoded_with_temperature_from_the_same_encoding(
    engine: WhisperEngine, counted: Counted, sentences: list[Samples]
) -> None:
    prefix = tuple(engine._tokenizer.encode(" non" * 6))
    row = replace(row_of(sentences[0]), prefix=prefix, retry=True)

    (answer,) = decoded(engine, row)

    assert answer.text.startswith("non non non non non non")
    assert [name for name, _ in counted.calls].count("encode") == 2
    assert [name for name, _ in counted.calls].count("generate") == 3


@pytest.mark.slow
def test_a_neighbour_is_not_decoded_again(
    engine: WhisperEngine, counted: Counted, sentences: list[Samples]
) -> None:
    loop = tuple(engine._tokenizer.encode(" non" * 6))
    plain_row = replace(row_of(sentences[0]), prefix=loop[:1], retry=True)

    decoded(engine, plain_row, replace(plain_row, prefix=loop))

    generated = [rows for name, rows in counted.calls if name == "generate"]
    assert generated == [2, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["silence", "white"])
def test_what_is_not_speech_ends_in_bounded_text(
    engine: WhisperEngine, recordings: Path, name: str
) -> None:
    row = row_of(read(recordings / "noise" / f"{name}.flac")[: 4 * SAMPLE_RATE])

    (answer,) = decoded(engine, row)

    assert len(tokens_of(answer)) <= token_bound(row, 4)


@pytest.mark.slow
def test_no_rows_are_no_work(engine: WhisperEngine, counted: Counted) -> None:
    assert engine.decode([]) == []
    assert counted.calls == []


@pytest.mark.slow
def test_a_closed_engine_fails_as_an_engine_does(base: Model, sentences: list[Samples]) -> None:
    engine = WhisperEngine(base.directory, base.manifest, WhisperSettings(device="cpu", workers=1))
    engine.close()

    with pytest.raises(EngineFault):
        engine.decode([row_of(sentences[0])])


@pytest.mark.slow
def test_an_unknown_compute_type_is_refused(base: Model) -> None:
    with pytest.raises(ModelError, match=r"cannot load .* on cpu: .*int7"):
        WhisperEngine(
            base.directory, base.manifest, WhisperSettings(device="cpu", compute_type="int7")
        )


@pytest.mark.slow
def test_french_has_its_own_vocabulary_and_other_languages_the_whole_one(
    base: Model, engine: WhisperEngine, sentences: list[Samples]
) -> None:
    settings = WhisperSettings(device="cpu", compute_type="int8", workers=1, shortlist="fr")
    listed = WhisperEngine(base.directory, base.manifest, settings)
    rows = [row_of(sentence, window=10 * SAMPLE_RATE) for sentence in sentences[:6]]
    english = replace(rows[0], language="en")
    try:
        assert listed.group(rows[0]) != listed.group(english)
        assert listed.network("fr") is not listed.network("en")
        assert listed.network("en") is listed.network("de")
        french = [heard.text for heard in decoded(listed, *rows)]
        assert french == [heard.text for heard in decoded(engine, *rows)]
        assert decoded(listed, english)[0].text == decoded(engine, english)[0].text
    finally:
        listed.close()


@pytest.mark.slow
def test_a_window_that_is_not_needed_whole_is_neither_encoded_nor_heard_whole(
    engine: WhisperEngine, counted: Counted, sentences: list[Samples]
) -> None:
    whole = row_of(sentences[0], window=20 * SAMPLE_RATE)
    needed = needed_frames(whole.speech_frames, SHORT)
    row = replace(whole, needed_frames=needed)

    (heard,) = decoded(engine, row)

    assert heard.text == decoded(engine, whole)[0].text
    assert counted.shapes == [(1, 80, needed), (1, 80, 2000)]
    assert counted.memories[0][1] < counted.memories[1][1] == 1000
