from __future__ import annotations

import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_fakes import FakeActor, FakeCluster, NamedExecutor, named_executor, outcomes, shards
from model_fakes import write_files

from captioner.batch.cluster import ClusterLimits, RayExecutor
from captioner.batch.cluster_shape import Node, Shape
from captioner.batch.job import (
    Options,
    Shard,
    Track,
    TrackEvent,
    TrackProgress,
    TrackTranscribed,
)
from captioner.config import Settings
from captioner.errors import InvalidRequest, ModelError, Unavailable
from captioner.models.store import ModelStore

QUICK = ClusterLimits(restart_delay=0.0, look_around=0.0, patience=30.0)


def executor(cluster: FakeCluster, limits: ClusterLimits = QUICK) -> RayExecutor:
    return RayExecutor(
        Settings(),
        address="local",
        limits=limits,
        executor_factory=named_executor,
        cluster=cluster,
    )


async def events_of(
    cluster: FakeCluster, job: list[Shard], limits: ClusterLimits = QUICK
) -> list[TrackEvent]:
    async with executor(cluster, limits) as works:
        return [event async for event in works.run(job, Options("fr"))]


async def test_every_track_is_transcribed_within_its_shard() -> None:
    events = await events_of(FakeCluster(), shards("a b", "c"))
    assert outcomes(events) == {"a": "fr a b", "b": "fr a b", "c": "fr c"}


async def test_a_job_without_shards_ends() -> None:
    assert await events_of(FakeCluster(), []) == []


async def test_progress_comes_through() -> None:
    events = await events_of(FakeCluster(), shards("a"))
    assert isinstance(events[0], TrackProgress | TrackTranscribed)


async def test_the_model_is_known_before_the_work() -> None:
    async with executor(FakeCluster()) as works:
        assert works.info.model == "scripted"


async def test_thousands_of_tracks_wait_here_and_not_in_the_cluster() -> None:
    cluster = FakeCluster(nodes=3)
    job = shards(*(f"{number}" for number in range(500)))
    most = 0
    async with executor(cluster) as works, aclosing(works.run(job, Options())) as events:
        async for _ in events:
            working = [len(actor._worker._running) for actor in cluster.actors]
            most = max(most, *working)
    assert len(cluster.actors) == 3
    assert most <= 2
    assert len(cluster.begun) == 500


async def test_no_more_workers_are_started_than_there_are_shards() -> None:
    cluster = FakeCluster(nodes=50)
    await events_of(cluster, shards("a", "b"))
    assert len(cluster.actors) <= 2


async def test_the_number_of_workers_can_be_limited() -> None:
    cluster = FakeCluster(nodes=50)
    await events_of(cluster, shards(*"abcdefgh"), replace(QUICK, workers=3))
    assert len(cluster.actors) <= 3


async def test_a_cluster_that_can_grow_is_asked_for_one_worker_more_than_fits() -> None:
    cluster = FakeCluster(nodes=2)
    cluster.is_local = False
    job = shards(*(f"{number}" for number in range(50)))
    await events_of(cluster, job)
    assert len(cluster.actors) == 3


async def test_nodes_that_join_get_workers() -> None:
    cluster = FakeCluster(nodes=1)
    job = shards(*(f"hang-{number}" for number in range(8)))  # two for each of four workers
    begun = set()
    async with executor(cluster) as works, aclosing(works.run(job, Options())) as events:
        async for event in events:
            cluster.size = 4
            begun.add(event.track)
            if len(begun) == len(job):
                break
    assert len(cluster.actors) == 4


async def test_the_end_of_a_local_cluster_ends_the_job() -> None:
    cluster = FakeCluster()
    async with executor(cluster) as works, aclosing(works.run(shards("hang"), Options())) as events:
        cluster.size = 0
        with pytest.raises(Unavailable, match="has ended"):
            async for _ in events:
                pass
    assert cluster.alive == []


async def test_a_recording_that_kills_workers_fails_alone() -> None:
    cluster = FakeCluster()
    found = outcomes(await events_of(cluster, shards("a poison b", "c", "d")))
    assert found.pop("poison").startswith("/recordings/poison: 4 workers died while they")
    # Run one by one, each is a shard of its own; what was told before the death counts.
    assert found.pop("a") in ("fr a", "fr a poison b")
    assert found == {"b": "fr b", "c": "fr c", "d": "fr d"}


async def test_every_recording_may_kill_workers() -> None:
    events = await events_of(FakeCluster(), shards("poison-1 poison-2", "poison-3"))
    assert all("workers died" in reason for reason in outcomes(events).values())
    assert len(outcomes(events)) == 3


async def test_after_one_death_the_shard_is_done_again_as_a_whole() -> None:
    cluster = FakeCluster(nodes=1)
    cluster.deaths_in_begin = 1
    assert outcomes(await events_of(cluster, shards("a b"))) == {"a": "fr a b", "b": "fr a b"}
    assert cluster.begun == [["a", "b"], ["a", "b"]]
    assert len(cluster.actors) == 2


async def test_an_engine_that_fails_is_replaced_with_its_worker() -> None:
    cluster = FakeCluster(nodes=1)
    found = outcomes(await events_of(cluster, shards("fault", "a")))
    assert found["a"] == "fr a"
    assert "4 workers died" in found["fault"]
    assert len(cluster.actors) >= 4


async def test_a_bad_track_fails_with_its_own_reason() -> None:
    found = outcomes(await events_of(FakeCluster(), shards("bad a")))
    assert "cannot be read on node" in found["bad"]  # it is not there: see the tests of the worker
    assert found["a"] == "fr bad a"


async def test_a_track_without_an_answer_fails() -> None:
    assert (
        "without an answer"
        in outcomes(await events_of(FakeCluster(), shards("forgotten")))["forgotten"]
    )


async def test_a_job_that_a_node_refuses_ends_with_the_reason() -> None:
    with pytest.raises(InvalidRequest, match="no such language"):
        await events_of(FakeCluster(), shards("a", "wrong"))


async def test_relative_paths_mean_the_same_on_the_nodes_and_the_answer_has_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cluster = FakeCluster()
    job = [Shard(1, (Track(Path("talk.mp3")),))]
    events = await events_of(cluster, job)
    assert {event.track for event in events} == {job[0].tracks[0]}
    [assignment] = [each for actor in cluster.actors for each in actor.begun]
    assert assignment.shard.tracks[0].path == tmp_path / "talk.mp3"


async def test_closing_the_generator_ends_the_workers_that_are_busy() -> None:
    cluster = FakeCluster()
    async with executor(cluster) as works:
        events = works.run(shards("hang", "hang", "hang"), Options())
        await anext(events)
        await events.aclose()
        assert cluster.alive == []
    assert not cluster.connected


async def test_idle_workers_serve_the_next_run() -> None:
    cluster = FakeCluster(nodes=1)
    async with executor(cluster) as works:
        for _ in range(3):
            assert [event async for event in works.run(shards("a"), Options())]
        assert len(cluster.actors) == 1
    assert cluster.alive == []


async def test_workers_that_die_while_they_start_are_replaced() -> None:
    cluster = FakeCluster()
    cluster.deaths_in_load = 3
    assert outcomes(await events_of(cluster, shards("a"))) == {"a": "fr a"}


async def test_workers_that_all_die_while_they_start_end_the_job() -> None:
    cluster = FakeCluster()
    cluster.deaths_in_load = 1000
    with pytest.raises(Unavailable, match="5 workers in a row ended before they were ready"):
        await events_of(cluster, shards("a"))
    assert len(cluster.actors) == 5
    assert cluster.alive == []
    assert not cluster.connected


async def test_a_cluster_without_room_ends_the_job_when_patience_does() -> None:
    class Full(FakeCluster):
        def start(self, shape: Shape) -> FakeActor:
            actor = super().start(shape)
            actor.waits = True
            return actor

    with pytest.raises(Unavailable, match="no node of the cluster at local had 1 free cores"):
        await events_of(Full(), shards("a"), replace(QUICK, patience=0.01))


@pytest.mark.parametrize("name", ["captioner", "python"])
async def test_a_node_with_another_version_is_refused(name: str) -> None:
    with pytest.raises(Unavailable, match=rf"node .+ has {name} 0\.0\.1, here it is"):
        await events_of(FakeCluster(1, **{name: "0.0.1"}), shards("a"))


async def test_a_node_with_an_altered_model_is_named() -> None:
    works = RayExecutor(
        Settings(),
        address="local",
        executor_factory=lambda settings: NamedExecutor(ModelError("model.bin is altered")),
        cluster=FakeCluster(node="pod-3"),
        limits=QUICK,
    )
    with pytest.raises(ModelError, match=r"node pod-3: model\.bin is altered"):
        async with works:
            pass


async def test_a_node_with_another_model_is_refused_with_both_digests(tmp_path: Path) -> None:
    model = ModelStore(tmp_path / "models").add(write_files(tmp_path / "toy"), "toy")
    cluster = FakeCluster(node="pod-3")
    cluster.factory = named_executor
    settings = Settings(models_dir=tmp_path / "models", model="toy")
    works = RayExecutor(settings, address="local", cluster=cluster)
    expected = f"node pod-3 has scripted with digest , here it is {model.manifest.digest}"
    with pytest.raises(ModelError, match=expected):
        async with works:
            pass


async def test_a_missing_model_is_noticed_before_anything_is_connected(tmp_path: Path) -> None:
    cluster = FakeCluster()
    works = RayExecutor(Settings(models_dir=tmp_path), address="local", cluster=cluster)
    with pytest.raises(ModelError, match="base"):
        async with works:
            pass
    assert cluster.actors == []


async def test_workers_get_the_settings_that_fit_their_share() -> None:
    class Big(FakeCluster):
        def nodes(self) -> list[Node]:
            return [Node("big", 12)]

    cluster = Big()
    await events_of(cluster, shards("a"))
    assert cluster.settings[0].workers == 6


def test_ray_is_not_loaded_before_there_is_something_to_connect_to() -> None:
    program = "import sys, captioner.batch.cluster; sys.exit('ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
