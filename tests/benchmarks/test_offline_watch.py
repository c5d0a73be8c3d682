from __future__ import annotations

import threading

import numpy as np
import pytest
from meter import Reading
from offline_watch import Call, EngineProfile, WatchedEngine, spent_by_kind

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import ScriptedEngine
from captioner.errors import EngineFault


def profile(*calls: Call, workers: int = 2) -> EngineProfile:
    return EngineProfile(workers, begin=10.0, end=20.0, calls=list(calls))


def call(begin: float, end: float) -> Call:
    return Call(begin, end, rows=1, frames=100)


def test_time_is_shared_out_by_the_batches_at_once() -> None:
    found = profile(call(11, 15), call(12, 18))
    assert found.busy() == {0: 3.0, 1: 4.0, 2: 3.0}
    assert found.first_batch == 1.0
    assert found.tail == 5.0  # one ended at 15: a worker had nothing more to do


def test_a_batch_that_follows_another_at_once_is_no_third() -> None:
    found = profile(call(10, 15), call(10, 20), call(15, 20))
    assert found.busy() == {0: 0.0, 1: 0.0, 2: 10.0}
    assert found.tail == 0.0


def test_without_batches_nothing_is_busy() -> None:
    found = profile()
    assert found.busy() == {0: 10.0, 1: 0.0, 2: 0.0}
    assert found.first_batch == 10.0
    assert found.tail == 10.0


def test_an_engine_notes_the_batches_of_a_run_and_nothing_before() -> None:
    engine = WatchedEngine(ScriptedEngine(workers=2))
    row = DecodeRow(features=np.zeros((80, 300), np.float32), speech_frames=100, language="fr")
    engine.decode([row])
    with engine.watching() as found:
        assert len(engine.decode([row, row])) == 2
    assert engine.workers == 2
    plain = found.to_json()
    assert plain["rows"] == 2
    assert plain["batches"] == 1
    assert plain["seconds of windows"] == 6.0
    assert plain["cpu engine"] >= 0 or plain["cpu loop"] >= 0


def test_a_batch_that_fails_took_time_too() -> None:
    def fail(_: object) -> None:
        raise EngineFault("en panne")

    engine = WatchedEngine(ScriptedEngine(before=fail))
    row = DecodeRow(features=np.zeros((80, 300), np.float32), speech_frames=100, language="fr")
    with engine.watching() as found, pytest.raises(EngineFault):
        engine.decode([row])
    assert len(found.calls) == 1


def test_cpu_goes_to_the_kind_of_its_thread() -> None:
    over = threading.Event()
    decoding = threading.Thread(target=over.wait, name="captioner-decode-0")
    decoding.start()
    try:
        assert decoding.native_id is not None
        before = Reading(0.0, 1.0, {decoding.native_id: 0.2})
        after = Reading(1.0, 6.0, {decoding.native_id: 0.7, 1: 3.0})
        found = spent_by_kind(before, after)
    finally:
        over.set()
        decoding.join()
    assert found == pytest.approx({"workers": 0.5, "hearing": 0.0, "loop": 0.0, "engine": 4.5})
