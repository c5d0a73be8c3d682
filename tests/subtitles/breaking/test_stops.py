from __future__ import annotations

import pytest

from captioner.subtitles.breaking.stops import HELD, Stop, find_stop, punctuation_costs


@pytest.mark.parametrize(
    ("text", "after", "stop"),
    [
        ("fin.", "Puis", Stop.SENTENCE),
        ("vrai\u202f?", "Oui", Stop.SENTENCE),
        ("vrai\u202f?\u202f»", "Oui", Stop.SENTENCE),
        ("euh…", "donc", Stop.COMMA),
        ("vrai\u202f?\u202f»", "dit-elle", Stop.COMMA),
        ("fin.", "«\u202fPuis", Stop.SENTENCE),
        ("fin.", "", Stop.SENTENCE),
        ("dit\u00a0:", "oui", Stop.STRONG),
        ("un\u202f;", "deux", Stop.STRONG),
        ("un,", "deux", Stop.COMMA),
        ("(un)", "deux", Stop.ASIDE),
        ("un", "(deux)", Stop.ASIDE),
        ("un", "deux", Stop.NONE),
        ("l'", "un", Stop.NONE),
    ],
)
def test_punctuation_tells_what_ends(text: str, after: str, stop: Stop) -> None:
    assert find_stop(text, after) is stop


def test_the_more_ends_the_better_the_break() -> None:
    costs = [stop.cost for stop in Stop]
    assert costs == sorted(costs)
    assert costs[-1] < HELD


def test_other_languages_break_at_punctuation() -> None:
    costs = punctuation_costs(["Yes,", "indeed.", "The", "end."])
    assert costs == [Stop.COMMA.cost, Stop.SENTENCE.cost, Stop.NONE.cost]
