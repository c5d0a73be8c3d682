from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.audio.files import read_file
from captioner.cli.playback import CHUNK, Float32, Pace, cut, length_of, paced, play, to_linear16
from captioner.clock import ManualClock
from captioner.errors import InvalidRequest, UnsupportedAudio
from captioner.transcript import SAMPLE_RATE


def ramp(length: int) -> Float32:
    return np.linspace(-1, 1, length, dtype=np.float32)


@given(sizes=st.lists(st.integers(0, 50), max_size=10), size=st.integers(1, 30))
def test_cutting_loses_nothing_and_only_the_last_chunk_is_short(
    sizes: list[int], size: int
) -> None:
    samples = ramp(sum(sizes))
    blocks = np.split(samples, np.cumsum(sizes)[:-1]) if sizes else []
    chunks = list(cut(blocks, size=size))
    assert b"".join(chunks) == to_linear16(samples)
    assert all(len(chunk) == 2 * size for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= 2 * size for chunk in chunks[-1:])


def test_samples_out_of_range_are_clipped() -> None:
    pcm = to_linear16(np.array([2.0, -2.0, 0.0], np.float32))
    assert np.frombuffer(pcm, "<i2").tolist() == [32_767, -32_767, 0]


def test_a_recording_is_played_whole(recordings: Path) -> None:
    path = recordings / "sentences" / "000.flac"
    assert b"".join(play(path)) == to_linear16(read_file(path))


@pytest.mark.parametrize(("start_at", "duration"), [(0.0, 0.73), (1.05, None), (0.55, 0.5)])
def test_a_part_of_a_recording_is_played(
    recordings: Path, start_at: float, duration: float | None
) -> None:
    path = recordings / "sentences" / "000.flac"
    first = round(start_at * SAMPLE_RATE)
    last = None if duration is None else first + round(duration * SAMPLE_RATE)
    assert b"".join(play(path, start_at=start_at, duration=duration)) == to_linear16(
        read_file(path)[first:last]
    )


def test_starting_after_the_end_plays_nothing(recordings: Path) -> None:
    assert list(play(recordings / "sentences" / "000.flac", start_at=3600)) == []


def test_the_length_counts_from_where_playing_starts(recordings: Path) -> None:
    path = recordings / "meeting" / "claire.flac"
    whole = length_of(path)
    assert whole is not None
    assert length_of(path, start_at=10) == pytest.approx(whole - 10)
    assert length_of(path, start_at=whole + 10) == 0


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_text("no")
    with pytest.raises(UnsupportedAudio, match=r"a\.flac"):
        length_of(path)
    with pytest.raises(InvalidRequest, match=r"b\.flac"):
        length_of(tmp_path / "b.flac")


def test_a_chunk_is_due_when_all_of_it_was_captured() -> None:
    pace = Pace(start=100.0, speed=2.0)
    assert pace.due(SAMPLE_RATE) == 100.5
    assert pace.elapsed(100.5) == 1.0
    assert pace.elapsed(99.0) == 0.0


async def test_chunks_that_are_late_already_come_at_once_and_none_is_dropped() -> None:
    def chunks() -> Iterator[bytes]:
        for number in range(5):
            yield bytes([number, 0]) * CHUNK

    clock = ManualClock(1000.0)
    handed = [chunk async for chunk in paced(chunks(), Pace(0.0), clock=clock)]
    assert [chunk[0] for chunk in handed] == [0, 1, 2, 3, 4]


async def test_a_chunk_waits_until_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()

    async def pass_the_time(seconds: float) -> None:
        clock.advance(seconds)

    monkeypatch.setattr("captioner.cli.playback.asyncio.sleep", pass_the_time)
    times = [clock.monotonic() async for _ in paced([bytes(2 * CHUNK)] * 3, Pace(0.0), clock=clock)]
    assert times == pytest.approx([0.1, 0.2, 0.3])
