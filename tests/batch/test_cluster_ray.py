from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager, nullcontext
from pathlib import Path

import pytest
from cluster_fakes import named_executor, outcomes, shards

from captioner.batch import cluster_ray
from captioner.batch.cluster import ClusterLimits, RayExecutor
from captioner.batch.cluster_ray import (
    AUTO,
    LOCAL,
    RayCluster,
    again_if_not_started,
    cause,
    checked,
    knock,
    short_folder,
)
from captioner.batch.job import (
    Options,
    Shard,
    Track,
    TrackEvent,
    TrackProgress,
    TrackTranscribed,
)
from captioner.batch.local import LocalExecutor
from captioner.config import Settings
from captioner.errors import InvalidRequest, Unavailable

TESTS = Path(__file__).resolve().parents[1]
RAY = Path(sys.executable).with_name("ray")
DRIVER = TESTS / "cluster_driver.py"
LIMITS = ClusterLimits(restart_delay=0.0)
SECONDS = 60.0  # for processes to come or go on a busy machine


# --- without a cluster


@pytest.mark.parametrize(
    "address", [LOCAL, AUTO, "10.0.0.1:6379", "ray://head:10001", "[::1]:6379", "ray://[::1]:10001"]
)
def test_an_address_is_taken(address: str) -> None:
    assert checked(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "head",
        "head:",
        "head:ray",
        "head:70000",
        "http://head:8265",
        "ray://head",
        "ray://h:1/x",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest, match="say local, auto, HOST:PORT or ray://HOST:PORT"):
        RayCluster(address)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens_is_noticed_at_once(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        knock(f"{scheme}127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}: Connection refused"):
        knock(f"{scheme}127.0.0.1:{port}")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    cluster = RayCluster(LOCAL)
    before = dict(os.environ)
    with pytest.raises(Unavailable, match=r"pip install 'captioner\[cluster\]'"):
        cluster.connect()
    assert dict(os.environ) == before


def test_the_names_of_sockets_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/" + "t" * (cluster_ray.LONGEST_FOLDER - 1))
    assert short_folder() == tempfile.tempdir
    monkeypatch.setattr(tempfile, "tempdir", "/" + "t" * cluster_ray.LONGEST_FOLDER)
    assert short_folder() == "/tmp"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "The actor died.\nModuleNotFoundError: No module named 'captioner.batch'",
            "not installed",
        ),
        ("Task was killed due to the node running low on memory pressure", "out of memory"),
        ("The actor is dead because its node has died.", "node is gone"),
        ("worker exit type: SYSTEM_ERROR\nmany\nlines", "its process died"),
    ],
)
def test_the_end_of_a_worker_is_told_in_one_line(text: str, line: str) -> None:
    told = cause(RuntimeError(text))
    assert line in told
    assert "\n" not in told


def test_the_text_of_an_error_that_may_quote_speech_is_not_told() -> None:
    error = RuntimeError("bonjour à tous")
    error.cause = ValueError("bonjour à tous")  # type: ignore[attr-defined]
    assert cause(error) == "it failed with ValueError"


# --- with one


def process(pid: int, file: str) -> bytes:
    """A file of a process in /proc; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""


def processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def parent(pid: int) -> int:
    fields = process(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def descendants(of: int) -> list[int]:
    parents = {pid: parent(pid) for pid in processes()}
    found: list[int] = []
    level = [of]
    while level:
        level = [pid for pid, above in parents.items() if above in level]
        found += level
    return [pid for pid in found if b"State:\tZ" not in process(pid, "status")]


def with_variable(value: str) -> list[int]:
    """The processes in whose environment the value stands."""
    return [pid for pid in processes() if value.encode() in process(pid, "environ")]


def listening(pids: Iterable[int]) -> set[str]:
    """The addresses at which the processes accept connections, as /proc writes them."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    rows = [line.split() for line in tables.splitlines()]
    return {
        row[1].partition(":")[0]
        for row in rows
        if row[0] != "sl" and row[3] == "0A" and row[9] in inodes
    }


def ray_workers() -> list[int]:
    """The processes of this one's cluster that transcribe."""
    return [pid for pid in descendants(os.getpid()) if b"ray::Worker" in process(pid, "cmdline")]


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def local_executor() -> RayExecutor:
    return RayExecutor(
        Settings(workers=1), address=LOCAL, limits=LIMITS, executor_factory=named_executor
    )


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers of a local cluster import the executor."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


@pytest.mark.slow
@pytest.mark.usefixtures("importable")
async def test_a_local_cluster_does_the_work_though_workers_die_and_leaves_nothing_behind(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables = {name for name in os.environ if name.startswith("RAY_")}
    others = set(descendants(os.getpid()))  # a browser of other tests
    default_token = tmp_path / ".ray"
    monkeypatch.setenv("HOME", str(tmp_path))
    job = shards("a b", "c poison d", "e", *(f"x{number}" for number in range(20)))
    async with local_executor() as works:
        folder = works._cluster._folder  # type: ignore[attr-defined]
        found = outcomes([event async for event in works.run(job, Options("fr"))])
        assert "4 workers died while they transcribed it" in found.pop("poison")
        assert len(found) == 25
        assert found["a"] == "fr a b"
        assert listening(set(descendants(os.getpid())) - others) <= {
            "0100007F",  # 127.0.0.1, in two tables
            "0000000000000000FFFF00000100007F",
        }
        assert folder.parent.joinpath(folder.name).stat().st_mode & 0o077 == 0
        assert not list(folder.rglob("usage_stats.json"))
    assert until(lambda: not set(descendants(os.getpid())) - others)
    assert not folder.exists()
    assert not default_token.exists()
    left = {name for name in os.environ if name.startswith("RAY_")} - variables
    assert left <= {"RAY_CLIENT_MODE"}  # Ray's own, empty of meaning
    assert "(raylet)" not in "".join(capfd.readouterr())


@pytest.mark.slow
@pytest.mark.usefixtures("importable")
async def test_closing_the_generator_ends_the_workers_of_a_real_cluster() -> None:
    async with local_executor() as works:
        events = works.run(shards("hang", "hang"), Options())
        assert isinstance(await anext(events), TrackProgress)
        assert ray_workers()
        await events.aclose()
        assert await asyncio.to_thread(until, lambda: not ray_workers())


@contextmanager
def driver(address: str, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a job on a cluster; see `cluster_driver.py`."""
    started = subprocess.Popen(
        [sys.executable, DRIVER, address, *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


@pytest.fixture
def short_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.slow
def test_an_interrupted_job_leaves_nothing_behind(short_path: Path) -> None:
    with driver(LOCAL, "hang", TMPDIR=str(short_path)) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "TrackProgress\n"
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        running.wait(SECONDS)
        assert until(lambda: not with_variable(str(short_path)))
    assert not list(short_path.glob("captioner-*"))


@pytest.mark.slow
def test_when_the_job_is_killed_the_work_ends_too(short_path: Path) -> None:
    def at_work() -> list[bytes]:
        lines = [process(pid, "cmdline") for pid in with_variable(str(short_path))]
        return [line for line in lines if b"Agent" not in line]  # they need a minute to notice

    with driver(LOCAL, "hang", TMPDIR=str(short_path)) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "TrackProgress\n"
        assert any(b"ray::Worker" in line for line in at_work())
        running.kill()
        running.wait(SECONDS)
        assert until(lambda: not at_work())
    for pid in with_variable(str(short_path)):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def cluster_of_others(folder: Path, token: str) -> Iterator[tuple[str, str]]:
    """A cluster that is not ours: its two addresses."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as two:
        ports = [server.getsockname()[1] for server in (one, two)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(TESTS),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on the loopback address
        "RAY_TEST_OF": str(folder),
    }
    options = {
        "port": ports[0],
        "ray-client-server-port": ports[1],
        "num-cpus": 2,
        "include-dashboard": "false",
        "object-store-memory": 80_000_000,
        "temp-dir": folder,
        "min-worker-port": 0,
        "max-worker-port": 0,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    started = subprocess.run(
        [RAY, "start", "--head", "--disable-usage-stats", *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert started.returncode == 0, started.stderr
    try:
        yield f"127.0.0.1:{ports[0]}", f"ray://127.0.0.1:{ports[1]}"
    finally:
        for pid in with_variable(str(folder)):
            os.kill(pid, signal.SIGKILL)
        assert until(lambda: not with_variable(str(folder)))


NOT_STARTED = ConnectionError("Initialization failure: Starting Ray client server failed. See")
REFUSED = ConnectionError("ray client connection timeout")


@pytest.mark.parametrize(
    ("failures", "calls", "raised"),
    [
        ([], 1, None),
        ([NOT_STARTED] * 2, 3, None),
        ([NOT_STARTED] * 3, 3, NOT_STARTED),
        ([REFUSED], 1, REFUSED),
    ],
)
def test_a_client_connects_again_when_its_server_was_not_started_and_only_then(
    failures: list[Exception], calls: int, raised: Exception | None
) -> None:
    waiting = iter(failures)
    called: list[None] = []

    def connect() -> None:
        called.append(None)
        for failure in waiting:
            raise failure

    expected = pytest.raises(ConnectionError, match=str(raised)) if raised else nullcontext()
    with expected:
        again_if_not_started(connect)
    assert len(called) == calls


@pytest.mark.slow
def test_a_cluster_of_others_is_used_with_its_token_and_refused_without(short_path: Path) -> None:
    right, wrong = short_path / "right", short_path / "wrong"
    right.write_text("a" * 64)
    wrong.write_text("b" * 64)
    # Where no token is; and the cluster of this test is on the loopback address.
    variables = {"HOME": str(short_path), "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

    def outcome(address: str, *arguments: str) -> str:
        with driver(address, "a", *arguments, **variables) as running:
            output, errors = running.communicate(timeout=SECONDS * 2)
        return output.splitlines()[-1] if output else errors

    with cluster_of_others(short_path / "ray", right.read_text()) as (address, client_address):
        assert outcome(address, "--token-file", str(right)) == "a: fr a"
        assert outcome(client_address, "--token-file", str(right)) == "a: fr a"
        assert outcome(address).startswith("Unauthenticated: no token for the Ray cluster")
        refused = outcome(address, "--token-file", str(wrong))
        assert refused == f"Unauthenticated: the Ray cluster at {address} wants another token"
        refused = outcome(client_address, "--token-file", str(wrong))
        assert refused.startswith(("Unauthenticated", "Unavailable: cannot connect"))


# --- with the real model


def recordings_in_shards(folder: Path) -> list[Shard]:
    """Sentences of several lengths, three a shard, and a meeting."""
    sentences = sorted((folder / "sentences").glob("*.flac"))[:12]
    tracks = [*sentences, *sorted((folder / "meeting").glob("*.flac"))[:1]]
    return [
        Shard(number, tuple(Track(path) for path in tracks[first : first + 3]))
        for number, first in enumerate(range(0, len(tracks), 3), 1)
    ]


def transcripts(events: list[TrackEvent]) -> Mapping[Path, TrackEvent]:
    """What became of each recording; each must have one answer."""
    answers = [event for event in events if not isinstance(event, TrackProgress)]
    found = {event.track.path: event for event in answers}
    assert len(found) == len(answers)
    return found


@pytest.mark.slow
async def test_a_cluster_transcribes_as_one_process_does_though_a_worker_dies(
    recordings: Path,
) -> None:
    job = recordings_in_shards(recordings)
    total = sum(len(shard.tracks) for shard in job)
    async with LocalExecutor(Settings(workers=2)) as one_process:
        expected = [event async for event in one_process.run(job, Options())]
    before = set(descendants(os.getpid()))
    events: list[TrackEvent] = []
    killed: list[int] = []
    works = RayExecutor(Settings(workers=1), address=LOCAL, limits=LIMITS)
    async with works, aclosing(works.run(job, Options())) as running:
        async for event in running:
            events.append(event)
            if isinstance(event, TrackTranscribed) and not killed:
                killed = ray_workers()
                assert len(killed) >= 1
                os.kill(killed[0], signal.SIGKILL)
        assert works.info == one_process.info
    assert transcripts(events) == transcripts(expected)
    assert len(transcripts(events)) == total
    assert all(isinstance(event, TrackTranscribed) for event in transcripts(events).values())
    assert until(lambda: set(descendants(os.getpid())) <= before)
