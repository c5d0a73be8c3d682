from __future__ import annotations

import asyncio
import platform
import socket
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from cluster_fakes import NamedExecutor, named_executor, shards

from captioner import __version__
from captioner.batch.cluster_ledger import Assignment
from captioner.batch.cluster_worker import Ended, Loaded, Message, Refused, Said, Worker
from captioner.batch.job import (
    Options,
    Shard,
    Track,
    TrackEvent,
    TrackFailed,
    TrackProgress,
    TrackTranscribed,
)
from captioner.config import Settings
from captioner.errors import InvalidRequest, ModelError


async def ready() -> Worker:
    worker = Worker()
    assert isinstance(await worker.load(Settings(), named_executor), Loaded)
    return worker


async def said(worker: Worker, shard: Shard, number: int = 1) -> list[Message]:
    """Everything a worker says of a shard."""
    await worker.begin(Assignment(number, shard), Options())
    messages: list[Message] = []
    while not any(isinstance(message, Ended) for message in messages):
        messages += await worker.more()
    return messages


async def test_a_worker_says_where_it_is_and_what_it_runs() -> None:
    assert await Worker().identify() == {
        "node": socket.gethostname(),
        "captioner": __version__,
        "python": platform.python_version(),
    }


async def test_a_model_that_cannot_be_used_is_refused() -> None:
    def factory(settings: Settings) -> NamedExecutor:
        return NamedExecutor(ModelError("model.bin is altered"))

    refused = await Worker().load(Settings(), factory)
    assert isinstance(refused, Refused)
    assert str(refused.error) == "model.bin is altered"


async def test_each_track_is_answered_by_its_place_in_the_shard() -> None:
    [shard] = shards("a b")
    messages = await said(await ready(), shard, 7)
    answers = [each for each in messages if isinstance(each, Said)]
    transcribed = [each for each in answers if isinstance(each.event, TrackTranscribed)]
    assert [(each.assignment, each.index) for each in transcribed] == [(7, 0), (7, 1)]
    assert messages[-1] == Ended(7)


async def test_a_track_that_is_there_twice_is_answered_twice() -> None:
    [shard] = shards("a a")
    messages = await said(await ready(), shard)
    answers = [each for each in messages if isinstance(each, Said)]
    done = [each.index for each in answers if isinstance(each.event, TrackTranscribed)]
    assert done == [0, 1]


async def test_a_job_that_is_refused_ends_with_the_reason() -> None:
    [shard] = shards("wrong")
    [*_, ended] = await said(await ready(), shard)
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, InvalidRequest)


async def test_of_progress_only_the_newest_is_kept_and_none_after_the_answer() -> None:
    [shard] = shards("a", "hang")[:1]
    worker = await ready()
    await worker.begin(Assignment(1, shard), Options())
    await asyncio.gather(*worker._running)
    messages = await worker.more()
    assert not [
        each
        for each in messages
        if isinstance(each, Said) and isinstance(each.event, TrackProgress)
    ]


async def test_a_failure_nobody_foresaw_is_raised_where_somebody_waits() -> None:
    class Broken(NamedExecutor):
        async def run(
            self, shards: Sequence[Shard], options: Options
        ) -> AsyncGenerator[TrackEvent, None]:
            yield TrackProgress(shards[0].tracks[0], 1, 1 // 0)

    worker = Worker()
    await worker.load(Settings(), lambda settings: Broken())
    await worker.begin(Assignment(1, shards("a")[0]), Options())
    with pytest.raises(ZeroDivisionError):
        await worker.more()


async def test_a_file_that_the_node_cannot_read_is_reported_with_the_node(tmp_path: Path) -> None:
    there = tmp_path / "bad-there"
    there.touch()
    missing = tmp_path / "bad-missing"
    shard = Shard(1, (Track(there), Track(missing)))
    messages = await said(await ready(), shard)
    reasons = [
        each.event.reason
        for each in messages
        if isinstance(each, Said) and isinstance(each.event, TrackFailed)
    ]
    assert reasons == [
        "it is no recording",
        f"{missing} cannot be read on node {socket.gethostname()}: No such file or directory",
    ]
