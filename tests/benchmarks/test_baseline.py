from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from baseline import Baseline, transcribe_take, transcribe_takes
from recordings import Span, Take, make_takes

from captioner.config import Settings
from captioner.evaluation.truth import TimedWord

WORDS = (TimedWord("Bonjour", 0.5, 1.0), TimedWord("madame", 2.0, 2.5))
TAKE = Take("prise", bytes(2 * 16_000 * 3), WORDS)


@dataclass
class Segment:
    text: str


class FakeWhisper:
    """Says the same for each piece, and remembers how long the pieces were."""

    def __init__(self, *texts: str) -> None:
        self.texts = iter(texts)
        self.lengths: list[float] = []
        self.options: dict[str, Any] = {}

    def transcribe(self, audio: np.ndarray[Any, Any], **options: Any) -> tuple[list[Segment], None]:
        assert audio.dtype == np.float32
        self.lengths.append(len(audio) / 16_000)
        self.options = options
        return [Segment(f" {next(self.texts)}")], None


def transcribe(model: FakeWhisper, spans: Sequence[Span] = ()) -> Baseline:
    take = Take(TAKE.name, TAKE.audio, TAKE.words, tuple(spans))
    return Baseline({take.name: transcribe_take(model, take, language="fr")})


def test_a_take_is_given_whole_where_its_utterances_are_not_known() -> None:
    model = FakeWhisper("Bonjour, madame.")
    result = transcribe(model)
    assert model.lengths == [3.0]
    assert model.options == {"language": "fr", "beam_size": 5}
    assert result.to_json()["wer"] == 0


def test_known_utterances_are_given_one_by_one_with_a_margin() -> None:
    model = FakeWhisper("Bonjour", "Madeleine")
    result = transcribe(model, [Span(0.5, 1.0), Span(2.0, 2.95)])
    assert model.lengths == pytest.approx([0.7, 1.1])  # the second ends with the recording
    assert result.to_json()["takes"][0]["utterances"] == 2
    assert result.edits(["prise"]).rate == 0.5


def test_a_take_counts_as_often_as_it_was_played() -> None:
    result = transcribe(FakeWhisper("bonjour monsieur"))
    assert result.edits(["prise", "prise"]).reference == 4


def test_where_nothing_is_said_there_is_no_rate() -> None:
    take = Take("bruit", TAKE.audio, ())
    result = Baseline({"bruit": transcribe_take(FakeWhisper("Merci."), take, language="fr")})
    assert result.to_json()["wer"] is None
    assert result.to_json()["words_on_noise"] == 1
    assert result.to_json()["takes"][0]["text"] == "Merci."


@pytest.mark.slow
def test_the_real_model_reads_the_meeting() -> None:
    result = transcribe_takes(make_takes("meeting", 1, duration=9), Settings())
    assert result.edits(["claire"]).rate < 0.2
