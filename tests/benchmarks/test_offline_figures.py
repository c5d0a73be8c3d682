from __future__ import annotations

import math
from pathlib import Path

import pytest
from meter import Usage
from offline_figures import Spread, Variant, compared, conclude, find_errors, ratio
from offline_systems import Answer
from offline_worker import Transcript
from recordings import UNTIMED, Recording

from captioner.evaluation.truth import TimedWord

FILE = Path("prise.flac")
SAID = Recording("prise", FILE, (TimedWord("Bonjour", 0.5, 1.0), TimedWord("madame.", 2.0, 2.5)))
SILENT = Recording("bruit", FILE, ())
READ = Recording("lecture", FILE, (TimedWord("25", UNTIMED, UNTIMED),))
HEARD = Transcript("bonjour, Madame", (("bonjour,", 0.4, 1.1), ("Madame", 1.8, 2.5)))


def answer(seconds: float, *, transcript: Transcript = HEARD, cpu: float = 1.0) -> Answer:
    usage = Usage(wall=seconds, cpu=cpu, peak_memory=100 * seconds)
    return Answer((transcript,), seconds, 0.5, usage)


def test_words_characters_and_times_are_compared_with_the_truth() -> None:
    errors = find_errors([SAID], [HEARD])
    assert errors.wer == 0
    assert errors.characters.errors == 0
    assert errors.starts == pytest.approx(0.15)
    assert errors.start_bias == pytest.approx(-0.15)
    assert errors.ends == pytest.approx(0.05)
    assert errors.per_file == {"prise": (0, 2)}


def test_a_wrong_word_counts_in_its_file() -> None:
    errors = find_errors([SAID, SAID], [HEARD, Transcript("bonjour monsieur")])
    assert errors.wer == 0.25
    assert errors.to_json()["wer"] == 0.25


def test_words_where_nothing_is_said_are_no_rate() -> None:
    errors = find_errors([SILENT], [Transcript("Merci à tous.")])
    assert errors.words_on_noise == 3
    assert math.isnan(errors.wer)
    assert errors.to_json()["wer"] is None


def test_numbers_may_be_written_either_way() -> None:
    errors = find_errors([READ], [Transcript("vingt-cinq")])
    assert errors.words.errors > 0
    assert errors.words_with_numbers.errors == 0


def test_times_are_not_known_where_the_truth_or_the_transcript_has_none() -> None:
    assert math.isnan(find_errors([READ], [Transcript("25", (("25", 0.0, 1.0),))]).starts)
    assert math.isnan(find_errors([SAID], [Transcript("bonjour madame")]).starts)


def test_files_weigh_by_their_words_in_word_times() -> None:
    one = Transcript("bonjour", (("bonjour", 0.2, 1.0),))
    assert find_errors([SAID, SAID], [HEARD, one]).starts == pytest.approx((0.15 * 2 + 0.3) / 3)


def test_several_runs_give_a_median_and_its_extremes() -> None:
    result = conclude(Variant("essai", 5), [answer(2.0), answer(4.0), answer(1.0)], [SAID], 8.0)
    assert result.speed == Spread(median=4.0, least=2.0, most=8.0)
    assert result.memory == 400
    assert result.stable
    assert result.to_json()["cpu_per_audio_second"]["median"] == 0.125


def test_words_that_change_from_run_to_run_are_told() -> None:
    other = answer(1.0, transcript=Transcript("bonsoir"))
    result = conclude(Variant("essai", 5), [answer(1.0), other], [SAID], 8.0)
    assert not result.stable
    assert result.errors.wer == 0


def test_systems_are_compared_run_by_run_and_by_their_medians() -> None:
    ours = conclude(Variant("nous", 5), [answer(1.0), answer(2.0)], [SAID], 8.0)
    theirs = conclude(Variant("eux", 5), [answer(2.0), answer(6.0, cpu=3.0)], [SAID], 8.0)
    found = compared(ours, theirs)
    assert found["captioner_is_faster"] == {"median": 2.667, "least": 2.0, "most": 3.0}
    assert found["captioner_uses_less_cpu"]["median"] == 2.0


def test_a_reference_that_ran_once_is_compared_with_the_median() -> None:
    assert ratio([1.0, 3.0], [4.0]) == Spread(2.0, 4.0, 4.0)


def test_nothing_is_so_many_times_zero() -> None:
    assert math.isnan(ratio([0.0], [1.0]).median)


def test_a_variant_says_what_it_was_told() -> None:
    assert Variant("essai", 5).name == "essai"
    assert Variant("essai", 5, 8).name == "essai (batch 8)"
    assert Variant("essai", 5, 8, word_times=False).name == "essai (batch 8, no word times)"
