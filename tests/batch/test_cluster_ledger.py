from __future__ import annotations

from collections import Counter

from cluster_fakes import shards
from hypothesis import given
from hypothesis import strategies as st

from captioner.batch.cluster_ledger import GIVE_UP_AFTER, SPLIT_AFTER, Assignment, Ledger
from captioner.batch.job import Track, TrackFailed, TrackProgress, TrackTranscribed


def names(assignment: Assignment | None) -> list[str]:
    return [each.path.name for each in assignment.shard.tracks] if assignment else []


def answer(assignment: Assignment, index: int) -> TrackTranscribed:
    return TrackTranscribed(assignment.shard.tracks[index], (), 1)


def taken(ledger: Ledger, worker: int) -> Assignment:
    assignment = ledger.take(worker)
    assert assignment is not None
    return assignment


def test_shards_are_given_out_in_order() -> None:
    ledger = Ledger(shards("a b", "c", "d"))
    assert [names(ledger.take(worker)) for worker in (1, 2, 3)] == [["a", "b"], ["c"], ["d"]]


def test_a_worker_has_two_shards_at_a_time_and_no_more() -> None:
    ledger = Ledger(shards("a", "b", "c"))
    assert [names(ledger.take(1)) for _ in range(3)] == [["a"], ["b"], []]
    assert ledger.holds(1)


def test_a_shard_without_tracks_is_done() -> None:
    assert Ledger(shards("")).done


def test_an_answer_is_told_with_the_track_of_the_job() -> None:
    ledger = Ledger(shards("a"))
    given_out = taken(ledger, 1)
    elsewhere = TrackTranscribed(Track(given_out.shard.tracks[0].path / "elsewhere"), (), 1)
    told = ledger.heard(1, given_out.number, 0, elsewhere)
    assert told is not None
    assert told.track == given_out.shard.tracks[0]


def test_a_second_answer_is_not_told() -> None:
    ledger = Ledger(shards("a"))
    given_out = taken(ledger, 1)
    assert ledger.heard(1, given_out.number, 0, answer(given_out, 0))
    assert ledger.heard(1, given_out.number, 0, answer(given_out, 0)) is None


def test_progress_answers_nothing() -> None:
    ledger = Ledger(shards("a"))
    given_out = taken(ledger, 1)
    progress = TrackProgress(given_out.shard.tracks[0], 1, 2)
    assert ledger.heard(1, given_out.number, 0, progress) == progress
    assert ledger.heard(1, given_out.number, 0, answer(given_out, 0))


def test_a_track_that_a_worker_forgot_fails() -> None:
    ledger = Ledger(shards("a b"))
    given_out = taken(ledger, 1)
    ledger.heard(1, given_out.number, 0, answer(given_out, 0))
    [failure] = ledger.finished(1, given_out.number)
    assert failure.track.path.name == "b"
    assert "without an answer" in failure.reason
    assert ledger.done


def test_the_shard_of_a_dead_worker_is_given_out_whole_when_nothing_else_waits() -> None:
    ledger = Ledger(shards("a b", "c", "d", "e"))
    first = taken(ledger, 1)
    ledger.heard(1, first.number, 0, answer(first, 0))
    assert ledger.lost(1, "node") == []
    assert [names(ledger.take(worker)) for worker in (2, 3, 4, 5)] == [
        ["c"],
        ["d"],
        ["e"],
        ["a", "b"],
    ]


def test_what_a_dead_worker_had_answered_is_not_told_again() -> None:
    ledger = Ledger(shards("a b"))
    first = taken(ledger, 1)
    ledger.heard(1, first.number, 0, answer(first, 0))
    ledger.lost(1, "node")
    again = taken(ledger, 2)
    assert ledger.heard(2, again.number, 0, answer(again, 0)) is None
    assert ledger.heard(2, again.number, 1, answer(again, 1)) is not None


def test_a_suspect_is_alone_with_its_worker() -> None:
    ledger = Ledger(shards("a", "b"))
    ledger.take(1)
    ledger.lost(1, "node")
    assert names(ledger.take(1)) == ["b"]
    assert ledger.take(1) is None  # the suspect waits for a worker without anything else
    assert names(ledger.take(2)) == ["a"]
    assert ledger.take(2) is None


def test_after_two_deaths_the_tracks_are_run_one_by_one() -> None:
    ledger = Ledger(shards("a b c"))
    for _ in range(SPLIT_AFTER):
        given_out = taken(ledger, 1)
        ledger.heard(1, given_out.number, 1, answer(given_out, 1))
        ledger.lost(1, "node")
    assert [names(ledger.take(worker)) for worker in (1, 2, 3)] == [["a"], ["c"], []]


def test_a_track_beside_which_workers_keep_dying_fails_and_the_reason_counts_them() -> None:
    ledger = Ledger(shards("a"))
    failures: list[TrackFailed] = []
    deaths = 0
    while not failures:
        ledger.take(1)
        deaths += 1
        failures = ledger.lost(1, "pod-7")
    assert deaths == GIVE_UP_AFTER
    assert failures[0].reason == (
        "/recordings/a: 4 workers died while they transcribed it, the last on pod-7"
    )
    assert ledger.done


def test_what_a_worker_says_after_its_death_is_not_heard() -> None:
    ledger = Ledger(shards("a"))
    given_out = taken(ledger, 1)
    ledger.lost(1, "node")
    assert ledger.heard(1, given_out.number, 0, answer(given_out, 0)) is None
    assert ledger.finished(1, given_out.number) == []


@given(
    sizes=st.lists(st.integers(0, 4), max_size=6),
    poison=st.sets(st.integers(0, 12)),
    data=st.data(),
)
def test_each_track_is_answered_exactly_once_whatever_dies(
    sizes: list[int], poison: set[int], data: st.DataObject
) -> None:
    """Three workers that do things in any order; a poison track never gets an answer from one."""
    total = sum(sizes)
    numbered = iter(range(total))
    job = shards(*(" ".join(str(next(numbered)) for _ in range(size)) for size in sizes))
    ledger = Ledger(job)
    answered: Counter[str] = Counter()
    held: dict[int, list[Assignment]] = {1: [], 2: [], 3: []}
    deaths = 0
    while not ledger.done:
        worker = data.draw(st.sampled_from([1, 2, 3]))
        while (assignment := ledger.take(worker)) is not None:
            held[worker].append(assignment)
        assert len(held[worker]) <= 2
        if not held[worker]:
            continue
        assignment = data.draw(st.sampled_from(held[worker]))
        for index, track in enumerate(assignment.shard.tracks):
            if int(track.path.name) in poison or data.draw(st.integers(0, 4)) == 0:
                deaths += 1
                failures = ledger.lost(worker, "node")
                answered.update(failure.track.path.name for failure in failures)
                held[worker].clear()
                break
            if ledger.heard(worker, assignment.number, index, answer(assignment, index)):
                answered[track.path.name] += 1
        else:
            assert ledger.finished(worker, assignment.number) == []
            held[worker].remove(assignment)
    assert answered == {str(number): 1 for number in range(total)}
    assert deaths <= GIVE_UP_AFTER * total
