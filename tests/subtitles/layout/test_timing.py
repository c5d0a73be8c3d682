from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from captioner.subtitles.cues import Cue, Turn
from captioner.subtitles.layout.timing import fit_times
from captioner.subtitles.profiles import ARCOM, LIVE, WEB, Profile

SECOND = 16_000
FRAME = SECOND // 25


def cue(start: float, end: float, text: str = "Oui.", *, speaker: str = "Claire") -> Cue:
    return Cue("1", round(start * SECOND), round(end * SECOND), (Turn(speaker, (text,)),))


def times(*cues: Cue) -> list[tuple[float, float]]:
    return [(cue.start / SECOND, cue.end / SECOND) for cue in fit_times(cues, WEB)]


def test_a_cue_that_is_long_enough_keeps_the_times_of_its_words() -> None:
    assert times(cue(1, 3), cue(5, 7)) == [(1, 3), (5, 7)]


def test_a_short_cue_stays_for_the_least_duration() -> None:
    assert times(cue(1, 1.5)) == [(1, 2)]


def test_a_cue_stays_until_it_is_read() -> None:
    assert times(cue(1, 2, "x" * 34)) == [(1, 3)]


def test_a_cue_stays_no_longer_than_a_cue_may() -> None:
    assert times(cue(1, 2, "x" * 42 * 17)) == [(1, 8)]


def test_a_cue_makes_room_for_the_next_one() -> None:
    first, _ = times(cue(1, 1.5), cue(1.8, 3))
    assert first == (0.8, 1.72)


def test_a_cue_makes_room_for_the_next_speaker() -> None:
    first, _ = times(cue(1, 3), cue(3, 5, speaker="Julien"))
    assert first == (1, 2.92)


def test_cues_of_one_speaker_leave_two_frames_whatever_their_words_do() -> None:
    first, second = fit_times([cue(1, 3.5), cue(3, 5)], WEB)
    assert second.start - first.end == 2 * FRAME


def test_speech_of_two_speakers_at_once_stays_at_once() -> None:
    assert times(cue(1, 5), cue(2, 4, speaker="Julien")) == [(1, 5), (2, 4)]


def test_a_moment_of_overlap_is_not_shown_where_the_first_cue_can_be_read_without() -> None:
    assert times(cue(1, 3.3), cue(3, 5, speaker="Julien")) == [(1, 2.92), (3, 5)]
    assert times(cue(1, 3.3, "x" * 36), cue(3, 5, speaker="Julien")) == [(1, 3.3), (3, 5)]
    assert times(cue(1, 3.5), cue(3, 5, speaker="Julien")) == [(1, 3.5), (3, 5)]


def test_a_cue_is_not_prolonged_while_somebody_else_speaks() -> None:
    assert times(cue(1, 4, "x" * 80), cue(2, 4, speaker="Julien"))[0] == (0.8, 4)


def test_a_cue_that_cannot_be_read_in_time_starts_a_little_early_into_silence() -> None:
    assert times(cue(1, 2), cue(3, 3.5, "x" * 17), cue(3.9, 6)) == [(1, 2), (2.82, 3.82), (3.9, 6)]


def test_a_cue_starts_early_over_nothing_else() -> None:
    early, late = cue(1, 2.8), cue(3, 3.5, "x" * 34)
    assert times(early, late, cue(3.6, 6))[1] == (2.88, 3.52)


def test_the_first_cue_does_not_start_before_the_recording() -> None:
    assert times(cue(0.05, 0.3), cue(0.4, 3))[0][0] == 0


def test_short_breaks_between_cues_are_closed() -> None:
    assert times(cue(1, 3), cue(3.5, 5)) == [(1, 3.42), (3.5, 5)]
    assert times(cue(1, 3), cue(3.6, 5)) == [(1, 3), (3.6, 5)]


def test_breaks_are_not_closed_beyond_the_longest_duration() -> None:
    assert times(cue(1, 7.9), cue(8.2, 9.5))[0] == (1, 7.9)


def test_live_captions_stay_until_something_follows_or_a_moment_longer() -> None:
    first, second = fit_times([cue(1, 1.2), cue(1.5, 2)], LIVE)
    assert (first.end, second.end) == (round(1.42 * SECOND), 4 * SECOND)


def test_the_charter_gives_more_time_to_short_texts() -> None:
    (only,) = fit_times([cue(1, 2, "x" * 36)], ARCOM)
    assert only.end - only.start == 3 * SECOND


def test_cues_of_one_speaker_that_start_at_once_follow_each_other() -> None:
    first, second, third = fit_times([cue(1, 2), cue(1, 1.5), cue(1, 3)], WEB)
    assert first.start < first.end <= second.start < second.end <= third.start


def test_cues_come_in_the_order_of_their_start() -> None:
    assert [start for start, _ in times(cue(5, 7), cue(1, 3))] == [1, 5]


@st.composite
def any_cues(draw: st.DrawFn) -> list[Cue]:
    """Cues that start on tenths of seconds, no two at once; the id is the place in the list."""
    starts = draw(st.lists(st.integers(0, 200), unique=True, max_size=12))
    return [
        Cue(
            str(number),
            start * SECOND // 10,
            (start + draw(st.integers(1, 90))) * SECOND // 10,
            (Turn(draw(st.sampled_from(["", "Claire", "Julien"])), ("x" * draw(widths),)),),
        )
        for number, start in enumerate(starts)
    ]


widths = st.integers(1, 84)


@given(profile=st.sampled_from([WEB, ARCOM, LIVE]), said=any_cues())
def test_any_cues_are_shown_in_order_and_nobody_overlaps_themselves(
    profile: Profile, said: list[Cue]
) -> None:
    fitted = fit_times(said, profile)
    starts = [cue.start for cue in fitted]
    assert starts == sorted(starts)
    assert sorted(cue.id for cue in fitted) == sorted(cue.id for cue in said)
    for speaker in ("", "Claire", "Julien"):
        own = [cue for cue in fitted if cue.turns[0].speaker == speaker]
        assert all(before.end <= after.start for before, after in pairwise(own))
    assert all(cue.end - cue.start >= SECOND // 1000 for cue in fitted)


@given(profile=st.sampled_from([WEB, ARCOM, LIVE]), said=any_cues())
def test_cues_are_prolonged_into_silence_only(profile: Profile, said: list[Cue]) -> None:
    fitted = fit_times(said, profile)
    for cue in fitted:
        spoken = said[int(cue.id)]
        assert spoken.start - SECOND // 5 <= cue.start <= spoken.start
        for other in fitted:
            if other.start > cue.start and cue.end > spoken.end:
                assert cue.end < other.start
            if other is not cue and cue.start < spoken.start:
                assert other.end < cue.start or other.start >= spoken.start
