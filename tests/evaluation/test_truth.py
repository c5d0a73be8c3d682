from __future__ import annotations

from typing import Any

import pytest

from captioner.errors import InvalidRequest
from captioner.evaluation.truth import TimedWord, read_truth, split_truth

WORD = {"word": "l'ordre", "start": 1.0, "end": 1.5}


def test_a_track_of_words_is_read() -> None:
    assert read_truth({"words": [WORD]}) == (TimedWord("l'ordre", 1.0, 1.5),)


def test_a_track_of_utterances_is_read_in_order() -> None:
    later = {"word": "du", "start": 2, "end": 3}
    track = {"voice": "claire", "utterances": [{"words": [WORD]}, {"words": [later]}]}
    assert read_truth(track) == (TimedWord("l'ordre", 1.0, 1.5), TimedWord("du", 2.0, 3.0))


@pytest.mark.parametrize(
    "track",
    [{}, {"words": [{"word": "a", "start": 1}]}, {"words": [{**WORD, "end": "x"}]}, {"words": 3}],
)
def test_a_track_with_a_part_missing_is_refused(track: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="lacks a part"):
        read_truth(track)


def test_a_written_word_may_be_several_words_or_none() -> None:
    truth = [TimedWord("l'ordre", 0, 1), TimedWord("—", 1, 2), TimedWord("du", 2, 3)]
    assert split_truth(truth) == (("l", "ordre", "du"), (0, 0, 2))
