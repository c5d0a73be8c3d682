from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import InvalidRequest
from captioner.evaluation.display import Display
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.matching import LastText
from captioner.evaluation.score import TrackScore, measure
from captioner.evaluation.truth import TimedWord, read_truth

# Inputs, and the figures that the rules give when applied without any shortcut.
GOLDEN = [
    case
    for name in ("tracks", "random")
    for case in json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text("utf-8"))[
        "cases"
    ]
]

Step = tuple[float, list[str], int, int]
letters = st.sampled_from(["a", "b", "c", "d"])
steps = st.tuples(
    st.floats(0, 10), st.lists(letters, max_size=12), st.integers(0, 14), st.integers(0, 14)
)


def displays_of(case: dict[str, Any]) -> list[Display]:
    return [
        Display.of_text(time, text, stable=stable, final=final)
        for time, text, stable, final in case["displays"]
    ]


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_the_figures_are_those_of_the_published_rules(case: dict[str, Any]) -> None:
    score = measure(displays_of(case), read_truth({"words": case["truth"]}))
    expected = case["score"]
    # Those rules take an empty text for one wrong word, even where nothing was said.
    nothing = not score.reference_words and not score.final_words
    assert score.words.rate == (0.0 if nothing else expected["wer"])
    assert list(score.displayed) == expected["displayed"]
    assert list(score.stable) == expected["stable"]
    assert list(score.finalised) == expected["finalised"]
    assert score.erasure == expected["erasure"]
    assert score.tail == expected["tail"]
    assert score.reference_words == expected["n_ref"]
    assert score.final_words == expected["n_final"]


def since_the_plain_way(
    displays: Sequence[Display], count: Callable[[Display], int]
) -> list[float | None]:
    """Word by word and display by display, without any shortcut."""
    last = displays[-1].words
    visible: list[set[int]] = []
    for display in displays:
        match = LastText(last).match(display.words)
        pairs = [*((index, index) for index in range(match.prefix)), *match.rest]
        visible.append({there for here, there in pairs if here < count(display)})
    found: list[float | None] = []
    for word in range(len(last)):
        since = None
        for display, words in zip(reversed(displays), reversed(visible), strict=True):
            if word not in words:
                break
            since = display.time
        found.append(since)
    return found


@given(st.lists(steps, min_size=1, max_size=8))
def test_latencies_go_back_to_the_first_display_without_a_break(raw: list[Step]) -> None:
    times = sorted(step[0] for step in raw)
    displays = [
        Display(time, tuple(step[1]), step[2], step[3])
        for time, step in zip(times, raw, strict=True)
    ]
    # Every word of the last text is matched: the truth is the last text itself, all said at 0.
    truth = [TimedWord(word, 0.0, 0.0) for word in displays[-1].words]
    score = measure(displays, truth)
    shown = since_the_plain_way(displays, lambda display: len(display.words))
    held = since_the_plain_way(displays, lambda display: max(display.stable, display.final))
    assert list(score.displayed) == [time for time in shown if time is not None]
    assert list(score.stable) == [time for time in held if time is not None]


def test_a_word_that_comes_back_counts_from_its_return() -> None:
    truth = [TimedWord("oui", 0.0, 1.0)]
    texts = ["oui", "non", "oui"]
    displays = [Display.of_text(2.0 + i, text, stable=0, final=0) for i, text in enumerate(texts)]
    score = measure(displays, truth)
    assert score.displayed == (3.0,)
    assert score.stable == ()
    assert score.erasure == 2.0


def test_finals_are_counted_from_the_end_of_their_last_word() -> None:
    truth = [TimedWord("un", 0.0, 1.0), TimedWord("deux", 1.0, 2.0), TimedWord("trois", 2.0, 3.0)]
    displays = [
        Display.of_text(2.5, "un deux", stable=2, final=2),
        Display.of_text(4.5, "un deux trois", stable=3, final=3),
    ]
    assert measure(displays, truth).finalised == (0.5, 1.5)


def test_numbers_in_digits_match_words_when_asked_for() -> None:
    truth = [TimedWord("vingt", 0.0, 1.0), TimedWord("euros", 1.0, 2.0)]
    display = Display.of_text(3.0, "20 €", stable=2, final=2, numbers=True)
    assert measure([display], truth, numbers=True).words.rate == 0.0


def test_silence_without_text_has_no_error() -> None:
    assert measure([], []).words == EditCounts(0, 0, 0, 0)


def test_what_is_unchanged_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour has thousands of displays; each may cost what it changes, not what it shows."""
    searched = 0
    find = LastText._pairs

    def count(self: LastText, a: int, b: int, c: int, d: int) -> list[tuple[int, int]]:
        nonlocal searched
        searched += b - a
        return find(self, a, b, c, d)

    monkeypatch.setattr(LastText, "_pairs", count)
    said = tuple(f"mot{index * index % 97}" for index in range(2000))
    displays = [
        Display(float(end), (*said[:end], f"faux{end}"), end, end) for end in range(0, 2000, 10)
    ]
    displays.append(Display(2000.0, said, 2000, 2000))
    measure(displays, [TimedWord(word, 0.0, 0.0) for word in said])
    assert searched <= len(displays)


@pytest.mark.parametrize("case", GOLDEN[:3], ids=[case["name"] for case in GOLDEN[:3]])
def test_a_score_survives_json(case: dict[str, Any]) -> None:
    score = measure(displays_of(case), read_truth({"words": case["truth"]}))
    assert TrackScore.from_json(json.loads(json.dumps(score.to_json()))) == score


@pytest.mark.parametrize(
    ("field", "value"), [("tail", None), ("displayed", ["x"]), ("words", {"hits": 1})]
)
def test_a_score_with_a_wrong_field_is_refused(field: str, value: object) -> None:
    values = measure([], []).to_json()
    with pytest.raises(InvalidRequest, match=field):
        TrackScore.from_json({**values, field: value})
