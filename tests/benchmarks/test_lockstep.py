from __future__ import annotations

import pytest
from lockstep import LARGEST_BATCH, Track, play
from streaming_fakes import SETTINGS, Script, ScriptedActivity, script, silence

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import Answer, ScriptedEngine
from captioner.errors import EngineFault
from captioner.streaming.session import Session


def track(spoken: Script) -> Track:
    return Track(Session(SETTINGS, ScriptedActivity(spoken)), silence(spoken.length))


def test_every_track_is_played_to_its_end_beside_shorter_and_silent_ones() -> None:
    tracks = [track(script(0.5, 4.0, 2.0, 3.0)), track(script(1.0, 2.0)), track(script())]
    play(tracks, ScriptedEngine())
    assert [each.over for each in tracks] == [True, True, True]
    assert [len(each.finals) for each in tracks] == [2, 1, 0]
    assert tracks[0].shown
    assert all(final.final for final in tracks[0].finals)
    assert tracks[1].text.startswith("mot0 mot1")
    assert (tracks[2].text, tracks[2].decodes) == ("", 0)


def test_decodes_of_all_tracks_share_batches_of_a_bounded_size() -> None:
    sizes: list[int] = []
    engine = ScriptedEngine(before=lambda rows: sizes.append(len(rows)))
    play([track(script(0.5, 2.0)) for _ in range(LARGEST_BATCH + 3)], engine)
    assert max(sizes) == LARGEST_BATCH
    assert min(sizes) == 3


def test_the_same_tracks_give_the_same_captions() -> None:
    runs = []
    for workers in (1, 3):
        tracks = [track(script(0.5, 3.0, 1.0, 2.0)) for _ in range(2)]
        play(tracks, ScriptedEngine(workers=workers))
        runs.append([(each.shown, each.finals) for each in tracks])
    assert runs[0] == runs[1]


def test_an_error_of_the_engine_ends_the_run() -> None:
    def fail(row: DecodeRow) -> Answer:
        return EngineFault("out of memory")

    with pytest.raises(EngineFault, match="out of memory"):
        play([track(script(0.5, 2.0))], ScriptedEngine(fail))


def test_progress_is_told() -> None:
    parts: list[float] = []
    play([track(script(0.5, 2.0))], ScriptedEngine(), report=parts.append)
    assert parts == sorted(parts)
    assert parts[0] == 0
    assert 0.9 < parts[-1] < 1
