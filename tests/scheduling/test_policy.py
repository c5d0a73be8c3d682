from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from captioner.asr.engine import DecodeRow
from captioner.errors import ResourceExhausted
from captioner.scheduling.policy import (
    FINAL_BATCHES_IN_A_ROW,
    Batch,
    Priority,
    Queue,
    Request,
    Rules,
    Workers,
)

FINAL, INTERIM, RECORDING = Priority
ROW = DecodeRow(np.zeros((80, 1), np.float32), speech_frames=1, language="fr")
ONE = Workers(total=1, idle=1)
RULES = Rules(max_batch=4, interim_patience=2.0, recording_patience=10.0)

ids = itertools.count(1)


def ask(
    priority: Priority,
    *,
    session: str = "",
    deadline: float = 0.0,
    submitted: float = 0.0,
    group: str = "fr",
) -> Request:
    number = next(ids)
    return Request(
        id=number,
        session=session or f"session {number}",
        priority=priority,
        deadline=deadline,
        submitted=submitted,
        group=(group,),
        row=ROW,
    )


def queue_of(*requests: Request, rules: Rules = RULES) -> Queue:
    queue = Queue(rules)
    for request in requests:
        assert queue.add(request) == ()
    return queue


def served(queue: Queue, workers: Workers = ONE, *, now: float = 0.0) -> list[Request]:
    batch = queue.next_batch(now, workers)
    return [] if batch is None else list(batch.requests)


# --- Order


def test_an_empty_queue_has_nothing_for_an_idle_worker() -> None:
    assert Queue(RULES).next_batch(0.0, ONE) is None


def test_nothing_is_decided_while_every_worker_is_busy() -> None:
    queue = queue_of(ask(FINAL))
    assert queue.next_batch(0.0, Workers(total=2, idle=0)) is None
    assert len(queue) == 1


def test_finals_go_before_interims_whatever_their_deadlines() -> None:
    interim = ask(INTERIM, deadline=1.0, group="a")
    final = ask(FINAL, deadline=9.0, group="b")
    queue = queue_of(interim, final)
    assert served(queue) == [final]
    assert served(queue) == [interim]


def test_within_a_class_the_earliest_deadline_goes_first() -> None:
    late, soon = ask(FINAL, deadline=2.0, group="a"), ask(FINAL, deadline=1.0, group="b")
    queue = queue_of(late, soon)
    assert served(queue) == [soon]


def test_equal_deadlines_are_served_in_the_order_of_arrival() -> None:
    requests = [ask(INTERIM) for _ in range(4)]
    assert served(queue_of(*requests)) == requests


# --- What a batch holds


def test_a_batch_holds_only_rows_of_the_most_urgent_rows_group() -> None:
    head = ask(FINAL, deadline=0.0, group="fr")
    other = ask(FINAL, deadline=1.0, group="en")
    same = ask(FINAL, deadline=2.0, group="fr")
    queue = queue_of(head, other, same)
    assert served(queue) == [head, same]
    assert served(queue) == [other]


def test_interims_ride_along_with_finals_of_their_group() -> None:
    interim, final = ask(INTERIM), ask(FINAL)
    assert served(queue_of(interim, final)) == [final, interim]


def test_recordings_never_ride_with_live_rows() -> None:
    recording, interim = ask(RECORDING), ask(INTERIM)
    assert served(queue_of(recording, interim)) == [interim]


def test_a_batch_never_exceeds_its_bound() -> None:
    queue = queue_of(*(ask(FINAL) for _ in range(5)))
    assert len(served(queue)) == 4
    assert len(served(queue)) == 1


def test_a_full_batch_keeps_the_riders_that_are_most_urgent() -> None:
    finals = [ask(FINAL, deadline=float(n)) for n in range(3)]
    soon, late = ask(INTERIM, deadline=0.0), ask(INTERIM, deadline=1.0)
    assert served(queue_of(late, soon, *finals)) == [*finals, soon]


# --- Idle workers


@pytest.mark.parametrize(
    ("waiting", "idle", "rows"),
    [(1, 2, 1), (2, 2, 1), (3, 2, 2), (4, 2, 2), (5, 2, 3), (40, 2, 4), (3, 1, 3), (2, 4, 1)],
)
def test_rows_are_spread_over_the_idle_workers(waiting: int, idle: int, rows: int) -> None:
    queue = queue_of(*(ask(INTERIM) for _ in range(waiting)))
    assert len(served(queue, Workers(total=4, idle=idle))) == rows


def test_each_other_group_that_waits_keeps_an_idle_worker_for_itself() -> None:
    french = [ask(INTERIM, group="fr") for _ in range(4)]
    english = [ask(INTERIM, group="en", deadline=1.0) for _ in range(4)]
    queue = queue_of(*french, *english)
    assert served(queue, Workers(total=2, idle=2)) == french
    assert served(queue, Workers(total=2, idle=1)) == english


# --- Starvation


def serve_under_constant_finals(queue: Queue, wanted: Request, *, now: float) -> int:
    """How many batches go before the wanted one when finals never stop."""
    for count in range(100):
        queue.add(ask(FINAL, deadline=now, group="finals"))
        if wanted in served(queue, now=now):
            return count
    pytest.fail("it starved")


def test_an_impatient_interim_is_served_under_constant_finals() -> None:
    interim = ask(INTERIM, group="interims", submitted=0.0)
    queue = queue_of(interim)
    assert serve_under_constant_finals(queue, interim, now=2.1) == FINAL_BATCHES_IN_A_ROW


def test_finals_keep_most_batches_when_all_interims_are_impatient() -> None:
    queue = queue_of(*(ask(INTERIM, group=f"{n}") for n in range(100)))
    heads = []
    for _ in range(40):
        queue.add(ask(FINAL, group="finals"))
        heads.append(served(queue, now=60.0)[0].priority)
    assert heads.count(FINAL) == 30
    assert heads.count(INTERIM) == 10


def test_an_interim_that_is_not_impatient_yet_waits_for_the_finals() -> None:
    queue = queue_of(ask(INTERIM, group="interims"))
    for _ in range(20):
        queue.add(ask(FINAL, group="finals"))
        assert served(queue, now=2.0)[0].priority is FINAL


# --- Recordings


def test_no_recording_starts_while_a_live_row_waits() -> None:
    queue = queue_of(ask(RECORDING), ask(INTERIM))
    assert served(queue)[0].priority is INTERIM
    assert served(queue)[0].priority is RECORDING


def test_a_recording_leaves_one_worker_idle_for_live_rows() -> None:
    queue = queue_of(ask(RECORDING, group="a"), ask(RECORDING, group="b"))
    assert len(served(queue, Workers(total=2, idle=2))) == 1
    assert served(queue, Workers(total=2, idle=1, recording=1)) == []
    assert served(queue, Workers(total=2, idle=1, recording=0)) == []


def test_recordings_never_occupy_all_workers_but_the_reserved_ones() -> None:
    queue = queue_of(*(ask(RECORDING, group=f"{n}") for n in range(9)))
    assert served(queue, Workers(total=4, idle=2, recording=2)) != []
    assert served(queue, Workers(total=4, idle=1, recording=3)) == []


def test_a_recording_that_waited_long_takes_the_last_idle_worker_with_a_short_batch() -> None:
    rules = replace(RULES, max_batch=16)
    queue = queue_of(*(ask(RECORDING) for _ in range(20)), rules=rules)
    workers = Workers(total=2, idle=1)
    assert served(queue, workers, now=10.0) == []
    assert served(queue, replace(workers, recording=1), now=10.1) == []
    assert len(served(queue, workers, now=10.1)) == rules.short_rows == 2


def test_recordings_run_in_half_batches_beside_live_captions() -> None:
    queue = queue_of(*(ask(RECORDING) for _ in range(20)))
    assert len(served(queue, Workers(total=2, idle=2))) == 2


def test_recordings_are_spread_over_the_workers_they_may_use() -> None:
    rules = replace(RULES, max_batch=16)
    queue = queue_of(*(ask(RECORDING) for _ in range(6)), rules=rules)
    assert len(served(queue, Workers(total=4, idle=4))) == 2


def test_a_single_worker_takes_recordings_in_short_batches() -> None:
    rules = replace(RULES, max_batch=16)
    queue = queue_of(*(ask(RECORDING) for _ in range(20)), rules=rules)
    assert len(served(queue)) == 2


def test_without_live_captions_recordings_use_every_worker_and_full_batches() -> None:
    rules = replace(RULES, reserved_workers=0)
    queue = queue_of(*(ask(RECORDING) for _ in range(12)), rules=rules)
    assert len(served(queue, Workers(total=2, idle=2))) == 4
    assert len(served(queue, Workers(total=2, idle=1, recording=1))) == 4
    assert len(served(queue)) == 4


# --- Bounds


def test_finals_over_their_bound_are_refused_with_the_numbers() -> None:
    rules = replace(RULES, max_finals=2)
    queue = queue_of(ask(FINAL), ask(FINAL), rules=rules)
    with pytest.raises(ResourceExhausted, match=r"^2 finals wait already, the bound is 2$"):
        queue.add(ask(FINAL))
    assert queue.waiting(FINAL) == 2


def test_recordings_over_their_bound_are_refused_and_finals_are_not() -> None:
    rules = replace(RULES, max_recordings=1)
    queue = queue_of(ask(RECORDING), rules=rules)
    with pytest.raises(ResourceExhausted, match="1 recordings wait already"):
        queue.add(ask(RECORDING))
    assert queue.add(ask(FINAL)) == ()


def test_interims_over_their_bound_displace_the_oldest() -> None:
    rules = replace(RULES, max_interims=2)
    newer, older = ask(INTERIM, submitted=2.0), ask(INTERIM, submitted=1.0)
    queue = queue_of(newer, older, rules=rules)
    assert queue.add(ask(INTERIM, submitted=3.0)) == (older,)
    assert queue.waiting(INTERIM) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_finals": 0},
        {"max_interims": 0},
        {"max_recordings": 0},
        {"max_batch": -1},
        {"live_batch": -1},
        {"reserved_workers": -1},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Rules(**wrong)


def test_the_size_of_a_batch_left_open_is_settled_by_the_device() -> None:
    assert Rules().on("cpu").max_batch == 8
    assert Rules().on("cuda").max_batch == 64
    assert Rules(max_batch=3).on("cuda").max_batch == 3
    assert Rules().on("cpu").live_batch == 6
    assert Rules().on("cuda").live_batch == 64
    assert Rules(max_batch=3).on("cpu").live_batch == 3


def test_batches_of_live_rows_are_small_where_all_would_wait_for_a_large_one() -> None:
    rules = Rules(max_batch=8, live_batch=2, reserved_workers=0)
    live = Queue(rules)
    files = Queue(rules)
    for number in range(8):
        live.add(ask(INTERIM, session=str(number)))
        files.add(ask(RECORDING, session=str(number)))

    batches = [queue.next_batch(0.0, Workers(1, 1)) for queue in (live, files)]

    assert [len(batch.requests) for batch in batches if batch] == [2, 8]


# --- Coalescing and cancellation


def test_a_newer_interim_takes_the_place_of_the_sessions_older_one() -> None:
    older = ask(INTERIM, session="alice", deadline=1.0, submitted=0.5)
    queue = queue_of(older)
    newer = ask(INTERIM, session="alice", deadline=3.0, submitted=2.5)
    assert queue.add(newer) == (older,)
    batch = queue.next_batch(9.0, ONE)
    assert batch == Batch((replace(newer, deadline=1.0, submitted=0.5),))


def test_a_session_with_a_full_queue_displaces_only_its_own_interim() -> None:
    rules = replace(RULES, max_interims=2)
    bob, alice = ask(INTERIM, session="bob"), ask(INTERIM, session="alice", submitted=1.0)
    queue = queue_of(bob, alice, rules=rules)
    assert queue.add(ask(INTERIM, session="alice", submitted=2.0)) == (alice,)


def test_a_session_that_asks_again_after_it_was_served_counts_towards_the_bound() -> None:
    rules = replace(RULES, max_interims=1)
    queue = queue_of(ask(INTERIM, session="alice"), rules=rules)
    served(queue)
    bob = ask(INTERIM, session="bob")
    assert queue.add(bob) == ()
    assert queue.add(ask(INTERIM, session="alice")) == (bob,)


def test_finals_of_one_session_are_all_kept() -> None:
    finals = [ask(FINAL, session="alice") for _ in range(3)]
    assert served(queue_of(*finals)) == finals


def test_a_sessions_interim_may_wait_again_after_the_last_was_served() -> None:
    queue = queue_of(ask(INTERIM, session="alice"))
    served(queue)
    assert queue.add(ask(INTERIM, session="alice")) == ()


@pytest.mark.parametrize("priority", list(Priority))
def test_a_cancelled_request_is_not_served(priority: Priority) -> None:
    request = ask(priority)
    queue = queue_of(request)
    assert queue.cancel(request.id)
    assert not queue.cancel(request.id)
    assert served(queue) == []


def test_the_oldest_live_request_is_known_and_recordings_do_not_count() -> None:
    queue = queue_of(ask(RECORDING, submitted=1.0))
    assert queue.oldest_live() is None
    queue.add(ask(INTERIM, submitted=5.0))
    queue.add(ask(FINAL, submitted=4.0))
    assert queue.oldest_live() == 4.0


# --- Invariants


class QueueMachine(RuleBasedStateMachine):
    """Whatever happens, each request leaves the queue exactly once."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds = Rules(max_batch=3, max_finals=6, max_interims=4, max_recordings=4)
        self.queue = Queue(self.bounds)
        self.waiting: dict[int, Request] = {}
        self.now = 0.0

    def leave(self, request: Request) -> None:
        expected = self.waiting.pop(request.id)
        assert (expected.session, expected.group) == (request.session, request.group)

    def count(self, priority: Priority) -> int:
        return sum(each.priority is priority for each in self.waiting.values())

    @rule(
        priority=st.sampled_from(Priority),
        session=st.sampled_from("abcdef"),
        group=st.sampled_from("xy"),
        slack=st.floats(0, 5),
    )
    def add(self, priority: Priority, session: str, group: str, slack: float) -> None:
        request = ask(
            priority,
            session=session,
            group=group,
            deadline=self.now + slack,
            submitted=self.now,
        )
        try:
            displaced = self.queue.add(request)
        except ResourceExhausted:
            assert self.count(priority) == (6 if priority is FINAL else 4)
            return
        for each in displaced:
            assert each.priority is priority is INTERIM
            self.leave(each)
        self.waiting[request.id] = request

    @rule(seconds=st.floats(0, 6))
    def advance(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        assert self.queue.cancel(request.id)
        self.leave(request)

    @rule(total=st.integers(1, 3), data=st.data())
    def serve(self, total: int, data: st.DataObject) -> None:
        idle = data.draw(st.integers(0, total))
        recording = data.draw(st.integers(0, total - idle))
        batch = self.queue.next_batch(self.now, Workers(total, idle, recording))
        live = self.count(FINAL) + self.count(INTERIM)
        if batch is None:
            assert idle == 0 or live == 0
            return
        rows = batch.requests
        assert 1 <= len(rows) <= self.bounds.max_batch
        assert len({each.group for each in rows}) == 1
        if any(each.priority is RECORDING for each in rows):
            assert live == 0
            assert total == 1 or recording < total - 1 or total - idle == recording == 0
        if batch.priority is INTERIM and self.count(FINAL):
            assert self.now - min(each.submitted for each in rows) > self.bounds.interim_patience
        for each in rows:
            self.leave(each)

    @invariant()
    def holds_what_waits(self) -> None:
        assert len(self.queue) == len(self.waiting)
        for priority in Priority:
            assert self.queue.waiting(priority) == self.count(priority)

    def teardown(self) -> None:
        while batch := self.queue.next_batch(self.now + 1e6, Workers(total=2, idle=2)):
            for each in batch.requests:
                self.leave(each)
        assert not self.waiting


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
