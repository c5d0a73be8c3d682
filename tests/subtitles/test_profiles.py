from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.subtitles.profiles import ARCOM, LIVE, PROFILES, WEB, Profile

profiles = st.sampled_from(list(PROFILES.values()))


def test_profiles_are_found_by_name() -> None:
    assert PROFILES == {"web": WEB, "arcom": ARCOM, "live": LIVE}


def test_profiles_are_not_changed() -> None:
    with pytest.raises(TypeError):
        PROFILES["web"] = LIVE  # type: ignore[index]


@pytest.mark.parametrize(("characters", "seconds"), [(0, 0), (17, 1), (34, 2), (85, 5)])
def test_the_web_reads_17_characters_a_second(characters: int, seconds: float) -> None:
    assert WEB.reading_time(characters) == pytest.approx(seconds)
    assert WEB.least_time(characters) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("characters", "seconds"),
    [(0, 0), (6, 0.5), (12, 1), (16, 1.5), (20, 2), (28, 2.5), (36, 3), (60, 4), (72, 4.5)],
)
def test_the_charter_gives_a_curve(characters: int, seconds: float) -> None:
    assert ARCOM.reading_time(characters) == pytest.approx(seconds)


def test_the_charter_tolerates_a_fifth_less() -> None:
    assert ARCOM.least_time(36) == pytest.approx(2.4)


def test_live_captions_have_no_reading_speed() -> None:
    assert LIVE.reading_time(126) == 0
    assert LIVE.least_time(126) == 0


@given(profiles, st.lists(st.integers(0, 500)))
def test_more_characters_never_take_less_time(profile: Profile, counts: list[int]) -> None:
    times = [profile.reading_time(count) for count in sorted(counts)]
    assert all(before <= after for before, after in pairwise(times))
