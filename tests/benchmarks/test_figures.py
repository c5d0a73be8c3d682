from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from figures import Run, score_run
from meter import Usage
from recordings import Take
from tracks import TrackLog

from captioner.evaluation.display import Display
from captioner.evaluation.summary import Percentiles
from captioner.evaluation.truth import TimedWord
from captioner.transcript import SAMPLE_RATE, Caption, Word

AUDIO = bytes(2 * SAMPLE_RATE * 4)  # four seconds
TRUTH = (TimedWord("bonjour", 0.5, 1.0), TimedWord("madame", 1.1, 1.6))


def final(*words: tuple[str, float, float]) -> Caption:
    spoken = tuple(
        Word(text, round(start * SAMPLE_RATE), round(end * SAMPLE_RATE), 0.9)
        for text, start, end in words
    )
    return Caption(1, 1, spoken[0].start, spoken[-1].end, spoken, len(spoken), True, "fr")


def heard(truth: tuple[TimedWord, ...] = TRUTH, **changes: Any) -> TrackLog:
    """A track on which both words were shown half a second late and final a second later."""
    log = TrackLog(Take("prise", AUDIO, truth), lateness=[0.001], ended=True)
    log.displays = [
        Display(1.5, ("bonjour",), 0, 0),
        Display(2.1, ("bonjour", "madame"), 1, 0),
        Display(3.1, ("bonjour", "madame"), 2, 2),
    ]
    log.finals = [final(("Bonjour", 0.6, 1.05), ("madame.", 1.1, 1.6))]
    for name, value in changes.items():
        setattr(log, name, value)
    return log


def untimed(*texts: str) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(text, math.nan, math.nan) for text in texts)


def figures(run: Run) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(run.to_json(), allow_nan=False))
    return content


def test_a_good_run_has_every_figure() -> None:
    run = score_run([heard()], Usage(wall=4.0, cpu=1.0, peak_memory=300.0))
    found = figures(run)
    assert (found["wer"], found["tail_words"], found["words_on_noise"]) == (0.0, 0, 0)
    assert (found["displayed_p50"], found["finalised_p95"]) == (0.5, 1.5)
    assert found["word_times"] == {
        "start_p50": 0.05,
        "end_p50": 0.025,
        "start_bias": 0.05,
        "end_bias": 0.025,
    }
    assert (found["cpu_per_audio_second"], found["cpu_share"]) == (0.25, 0.25)
    assert found["sustained"] is True
    assert found["per_track"][0]["text"] == "Bonjour madame."


def test_nothing_is_made_up_about_a_server_elsewhere() -> None:
    found = figures(score_run([heard()], Usage()))
    assert found["cpu_per_audio_second"] is None
    assert found["peak_memory_mib"] is None


def test_a_text_without_times_gives_errors_and_no_latency() -> None:
    run = score_run([heard(untimed("bonjour", "monsieur"))], Usage())
    found = figures(run)
    assert found["wer"] == 0.5
    assert found["displayed_p50"] is None
    assert found["word_times"] is None
    assert run.sustained is False  # nobody knows


def test_a_text_of_which_only_a_part_was_played_gives_no_errors() -> None:
    take = Take("lecture", AUDIO, untimed("bonjour", "monsieur"), complete=False)
    found = figures(score_run([heard(take=take)], Usage()))
    assert found["wer"] is None
    assert found["tail_words"] == 0
    assert found["per_track"][0]["wer"] is None


def test_words_where_nothing_was_said_are_counted() -> None:
    found = figures(score_run([heard(())], Usage()))
    assert found["words_on_noise"] == 2
    assert found["wer"] is None
    assert found["per_track"][0]["wer"] is None


def test_a_refused_track_has_no_part_in_the_rates_and_is_a_loss() -> None:
    refused = TrackLog(Take("refusé", AUDIO, TRUTH), refused="full")
    run = score_run([heard(), refused], Usage(wall=4.0, cpu=1.0))
    assert run.summary.wer == 0
    assert run.losses.refused == 1
    assert run.cpu_per_audio_second == 0.25
    assert not run.sustained


def test_a_run_in_which_all_are_refused_is_still_a_run() -> None:
    refused = TrackLog(Take("refusé", AUDIO, TRUTH), refused="full")
    found = figures(score_run([refused], Usage(wall=1.0)))
    assert found["losses"]["refused"] == 1
    assert found["sustained"] is False


@pytest.mark.parametrize(
    "change", [{"gaps": 1}, {"reconnections": 1}, {"ended": False}, {"problem": "lost"}]
)
def test_any_loss_ends_the_capacity(change: dict[str, Any]) -> None:
    assert score_run([heard()], Usage()).sustained
    assert not score_run([heard(**change)], Usage()).sustained


@pytest.mark.parametrize(
    ("displayed", "finalised", "holds"), [(1.5, 2.0, True), (1.51, 2.0, False), (1.5, 2.01, False)]
)
def test_the_rule_for_capacity_has_two_limits(
    displayed: float, finalised: float, holds: bool
) -> None:
    run = score_run([heard()], Usage())
    at = run.summary
    slow = replace(
        at,
        displayed=Percentiles(displayed, 9, 9, 9),
        finalised=Percentiles(0, 0, finalised, 9),
    )
    assert replace(run, summary=slow).sustained is holds


def test_numbers_count_as_words_where_that_is_asked() -> None:
    digits = heard((TimedWord("vingt-cinq", 0.5, 1.0),))
    digits.displays = [Display(1.5, ("25",), 1, 1)]
    digits.finals = [final(("25", 0.5, 1.0))]
    run = score_run([digits], Usage())
    assert run.summary.wer == 1.0
    assert run.wer_numbers == 0
