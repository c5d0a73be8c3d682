from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from captioner.batch.job import Document, Track
from captioner.batch.progress import Position, Progress
from captioner.batch.shards import Extent
from captioner.transcript import SAMPLE_RATE

A, B, C = (Track(Path(f"{name}.wav")) for name in "abc")
BOTH = Document("both", (A, B), ())
ALONE = Document("alone", (C,), ())


def progress(*estimates: float) -> Progress:
    a, b, c = estimates
    return Progress([(BOTH, [Extent(A, a), Extent(B, b)]), (ALONE, [Extent(C, c)])])


def seconds(value: float) -> int:
    return round(value * SAMPLE_RATE)


def test_nothing_is_known_before_the_first_is_open() -> None:
    assert progress(10, 10, 20).position == Position(0.0, None)


def test_the_rest_is_estimated_by_what_is_known() -> None:
    job = progress(10, 10, 20)
    job.move(A, seconds(5), seconds(30))
    assert job.position == Position(5.0, 120.0)
    job.move(C, 0, seconds(15))
    assert job.position == Position(5.0, 45.0 + 10.0 * 45 / 30)


def test_positions_go_back_where_another_worker_takes_over() -> None:
    job = progress(10, 10, 20)
    job.move(A, seconds(5), seconds(30))
    job.move(A, seconds(1), seconds(30))
    assert job.position.done == 1.0


def test_a_length_that_is_not_declared_is_known_at_the_end() -> None:
    job = progress(10, 10, 20)
    job.move(C, seconds(3), None)
    assert job.position == Position(3.0, None)
    assert job.working() == [(ALONE, Position(3.0, None))]
    job.end(C, seconds(40))
    assert job.position == Position(40.0, 80.0)


def test_documents_are_in_work_from_their_first_position_to_their_last_track() -> None:
    job = progress(10, 10, 20)
    assert job.working() == []
    job.move(B, seconds(1), seconds(4))
    job.end(B, seconds(4))
    assert job.working() == [(BOTH, Position(4.0, None))]
    job.move(A, seconds(1), seconds(4))
    assert job.working() == [(BOTH, Position(5.0, 8.0))]
    job.end(A, seconds(4))
    assert job.working() == []


def test_what_could_not_be_read_says_nothing_about_the_others() -> None:
    job = progress(10, 10, 20)
    job.end(A, 0)
    assert job.position == Position(0.0, None)
    job.end(B, seconds(10))
    assert job.position == Position(10.0, 30.0)


def test_tracks_of_other_jobs_and_late_news_are_ignored() -> None:
    job = progress(10, 10, 20)
    job.move(Track(Path("other.wav")), seconds(5), None)
    job.end(Track(Path("other.wav")), seconds(5))
    job.end(C, seconds(5))
    job.move(C, seconds(1), seconds(9))
    job.end(C, seconds(9))
    assert job.position.done == 5.0


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.integers(0, 100),
        st.none() | st.integers(100, 200),
        st.booleans(),
    ),
    max_size=30,
)


@given(estimates=st.tuples(*[st.floats(0, 100)] * 3), events=EVENTS)
def test_whatever_happens_the_end_is_everything(
    estimates: tuple[float, float, float],
    events: list[tuple[Track, int, int | None, bool]],
) -> None:
    job = progress(*estimates)
    ends: dict[Track, int] = {}
    for track, position, duration, over in events:
        if over:
            ends.setdefault(track, position)
            job.end(track, seconds(position))
        else:
            job.move(track, seconds(position), seconds(duration) if duration else None)
        assert job.position.done >= 0
    for track in (A, B, C):
        ends.setdefault(track, 7)
        job.end(track, seconds(7))
    total = sum(ends.values())
    assert abs(job.position.done - total) < 1e-6
    assert job.position.total is None or abs(job.position.total - total) < 1e-6
    assert job.working() == []
