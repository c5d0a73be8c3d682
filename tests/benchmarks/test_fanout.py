from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from announcer import REVISIONS, ROOM, Stamp, announce, read_stamps
from click.testing import CliRunner
from fanout import Fanout, Reader, Run, fanout_table, main
from meter import Usage
from rich.console import Console
from rpc_fakes import EchoService
from servers import Target

from captioner.rooms.captions import Delivered


def shown(found: Fanout) -> str:
    console = Console(width=250, force_terminal=False)
    with console.capture() as capture:
        console.print(fanout_table(found))
    return capture.get()


def run_of(*readers: dict[int, float]) -> Run:
    """A run in which a caption was published every second, and came when each reader says."""
    run = Run(Target("", http="http://localhost:1"), len(readers))
    run.first, run.last = 1.0, 3.0
    for came in readers:
        reader = Reader("/", "localhost")
        reader.received.captions = {
            number: (Stamp(number, float(number), final=number == 2), at)
            for number, at in came.items()
        }
        run.readers.append(reader)
    return run


async def figures_of(*readers: dict[int, float]) -> Fanout:
    found = run_of(*readers).figures(rate=1.0, lag_p99=0.5)
    return replace(found, server=Usage(wall=2.0, cpu=0.5, peak_memory=80.0))


def test_a_stamp_is_read_as_it_was_written() -> None:
    stamps = [Stamp(7, 12.000000001, final=False), Stamp(8, 13.5, final=True)]
    assert read_stamps(f"event {stamps[0]} mot {stamps[1]}".encode()) == stamps
    assert read_stamps(str(stamps[0]).encode()[:-1]) == []


async def test_captions_grow_until_their_final() -> None:
    service = EchoService()
    announcing = asyncio.create_task(announce(service.rooms, 1000.0))
    seen = []
    with service.rooms.follow(ROOM) as follower:
        async for event in follower:
            if isinstance(event, Delivered):
                seen.append(event.said.caption)
            if len(seen) == 2 * REVISIONS:
                break
    announcing.cancel()
    assert [caption.revision for caption in seen] == [*range(1, REVISIONS + 1)] * 2
    assert [caption.final for caption in seen[:REVISIONS]] == [False] * (REVISIONS - 1) + [True]
    stamps = [read_stamps(caption.text.encode())[0] for caption in seen]
    assert [stamp.number for stamp in stamps] == list(range(2 * REVISIONS))
    assert [stamp.final for stamp in stamps] == [caption.final for caption in seen]


async def test_a_reader_notes_captions_that_come_in_pieces() -> None:
    reader = Reader("/", "localhost")
    data = b"event: caught_up\ndata: {}\n\n" + str(Stamp(3, 1.0, final=True)).encode() + b"\n"
    for start in range(0, len(data), 5):
        reader.data_received(data[start : start + 5])
    assert reader.begun.done()
    assert list(reader.received.captions) == [3]


async def test_only_what_was_published_in_the_time_that_counts_does() -> None:
    found = await figures_of({0: 0.9, 1: 1.010, 2: 2.020, 3: 3.030, 4: 4.040})
    assert found.published == 3
    assert sorted(found.latencies) == pytest.approx([10, 20, 30])


async def test_the_last_reader_and_what_readers_missed_are_told() -> None:
    found = await figures_of({1: 1.010, 2: 2.010, 3: 3.010}, {1: 1.050, 3: 3.020}, {2: 2.030})
    assert sorted(found.last_reader) == pytest.approx([20, 30, 50])
    assert (found.finals_missed, found.interims_missed) == (1, 2)
    assert not found.within_goal
    assert "1 finals missed" in shown(found)


async def test_the_goal_is_a_hundred_milliseconds() -> None:
    assert (await figures_of({1: 1.099, 2: 2.099})).within_goal
    late = await figures_of({1: 1.101, 2: 2.101})
    assert not late.within_goal
    assert shown(late).split()[-1] == "no"
    assert not replace(await figures_of({1: 1.0}), broken=1).within_goal


async def test_figures_are_plain_values() -> None:
    values = json.loads(json.dumps((await figures_of({1: 1.010})).to_json(), allow_nan=False))
    assert values["delivery_ms"]["p99"] == 10.0
    assert values["server_cpu_share"] == 0.25
    assert values["server_cpu_us_per_delivery"] == 500_000.0


@pytest.mark.slow
def test_readers_on_a_server_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "fanout.json"
    options = ["--readers", "20", "--duration", "2", "--output", str(target)]
    result = CliRunner().invoke(main, [*options, "--models-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    [found] = json.loads(target.read_text(encoding="utf-8"))["runs"]
    assert found["deliveries"] >= 20 * 15
    assert (found["finals_missed"], found["readers_broken"]) == (0, 0)
    assert found["server_memory_mib"] > 0
