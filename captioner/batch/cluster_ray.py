"""Ray, behind two small protocols: the only module that imports it.

Ray is told about itself by environment variables, so this is also the one place that sets any.
"""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from captioner.batch.cluster_ledger import Assignment
from captioner.batch.cluster_shape import Node, Shape
from captioner.batch.cluster_worker import (
    Actor,
    ActorLost,
    ExecutorFactory,
    Loaded,
    Message,
    Refused,
    Worker,
)
from captioner.batch.job import Options
from captioner.config import Settings
from captioner.errors import InvalidRequest, Unauthenticated, Unavailable

LOCAL: Final = "local"
AUTO: Final = "auto"
KNOCK: Final = 5.0  # seconds to reach an address at all; Ray itself takes minutes to give up
OBJECT_STORE: Final = 80_000_000  # bytes: little more than Ray asks for; results are small
TOKEN_BYTES: Final = 32
SOCKET_NAME: Final = 107  # bytes, on Linux
BELOW_FOLDER: Final = "/captioner-12345678/ray/session_2026-11-23_17-45-29_234039_4194304/sockets"
LONGEST_FOLDER: Final = SOCKET_NAME - len(BELOW_FOLDER) - len("/plasma_store")
NOT_STARTED: Final = "Starting Ray client server failed"
ATTEMPTS: Final = 3  # to have a server started for us
DIED_IN_INIT: Final = "ModuleNotFoundError: No module named 'captioner"


class RayCluster:
    """A connection to a Ray cluster. Its calls block; use them in a thread."""

    def __init__(self, address: str, *, token_file: Path | None = None) -> None:
        """Prepare; nothing happens before `connect`.

        Args:
            address: ``local`` starts a cluster on this machine that ends with the connection;
                ``auto`` is the one that runs here; else ``HOST:PORT`` or ``ray://HOST:PORT``.
            token_file: what lets us in; None: where Ray itself looks for it.

        Raises:
            InvalidRequest: the address is none of these.
        """
        self.address = checked(address)
        self._token_file = token_file
        self._folder: Path | None = None
        self._previous: dict[str, str | None] = {}

    @property
    def is_local(self) -> bool:
        """Whether the cluster is our own, and cannot grow."""
        return self.address == LOCAL

    def connect(self) -> None:
        """Connect, or start the local cluster.

        Raises:
            Unauthenticated: there is no token, or it is not that of the cluster.
            Unavailable: the extra is not installed, or the cluster cannot be reached.
        """
        if self.address not in (LOCAL, AUTO):
            knock(self.address)
        self._set_environment()
        try:
            ray = _imported()
            with _translated(self.address):
                self._init(ray)
        except BaseException:
            self.close()
            raise

    def _init(self, ray: ModuleType) -> None:
        # What Ray has to say comes as paragraphs, partly on standard output; what matters of it
        # is raised or logged by us.
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        ray._private.worker._worker_logs_enabled = False  # noqa: SLF001 - there is no other way
        _forget_token()
        if self.address.startswith("ray://"):
            again_if_not_started(
                lambda: ray.init(self.address, log_to_driver=False, configure_logging=False)
            )
            return
        options: dict[str, Any] = {}
        if self.is_local:
            # Ray opens its folder to everybody: ours is around it.
            self._folder = Path(tempfile.mkdtemp(prefix="captioner-", dir=short_folder()))
            options = {
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_temp_dir": str(self._folder / "ray"),
            }
        # A "client job" neither uploads anything nor puts the current directory in front of the
        # module path of the workers, where a file of the wrong name would run.
        job = ray.job_config.JobConfig(_client_job=True)
        ray.init(
            self.address, job_config=job, log_to_driver=False, configure_logging=False, **options
        )

    def _set_environment(self) -> None:
        wanted = {
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` it would upload the project
        }
        if self.is_local:
            wanted["RAY_AUTH_TOKEN"] = secrets.token_hex(TOKEN_BYTES)
            # What it does by default on macOS and Windows: listen on the loopback address only.
            wanted["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        elif self._token_file is not None:
            wanted["RAY_AUTH_TOKEN_PATH"] = str(self._token_file.absolute())
        self._previous = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)

    def nodes(self) -> list[Node]:
        """The nodes that are alive now."""
        ray = _imported()
        return [
            Node(
                name=node["NodeManagerHostname"],
                cores=int(node["Resources"].get("CPU", 0)),
                gpus=int(node["Resources"].get("GPU", 0)),
            )
            for node in ray.nodes()
            if node["Alive"]
        ]

    def start(self, shape: Shape) -> Actor:
        """Ask for a worker; it is there when its first call returns."""
        ray = _imported()
        remote = ray.remote(Worker).options(
            num_cpus=shape.cores,
            num_gpus=shape.gpus,
            # What was begun is given to another worker by us: Ray does not know what was answered.
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        return _RayActor(ray, remote.remote())

    def close(self) -> None:
        """Disconnect; of a local cluster nothing is left, neither processes nor files."""
        try:
            with suppress(Unavailable):  # Ray was never there
                _imported().shutdown()
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None
            for name, value in self._previous.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            self._previous = {}


class _RayActor:
    """A worker behind a Ray handle."""

    def __init__(self, ray: ModuleType, handle: Any) -> None:  # noqa: ANN401 - untyped
        self._ray = ray
        self._handle = handle

    async def identify(self) -> dict[str, str]:
        identity: dict[str, str] = await self._answer(self._handle.identify.remote())
        return identity

    async def load(self, settings: Settings, factory: ExecutorFactory) -> Loaded | Refused:
        loaded: Loaded | Refused = await self._answer(self._handle.load.remote(settings, factory))
        return loaded

    async def begin(self, assignment: Assignment, options: Options) -> None:
        await self._answer(self._handle.begin.remote(assignment, options))

    async def more(self) -> list[Message]:
        messages: list[Message] = await self._answer(self._handle.more.remote())
        return messages

    def kill(self) -> None:
        with suppress(self._ray.exceptions.RayError, ConnectionError):  # it is dead already
            self._ray.kill(self._handle)

    async def _answer(self, reference: Awaitable[Any]) -> Any:  # noqa: ANN401 - untyped
        try:
            return await reference
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise ActorLost(cause(error)) from None


def short_folder() -> str:
    """Where temporary files go, or /tmp where the names of sockets would get too long there."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= LONGEST_FOLDER else "/tmp"  # noqa: S108 - ours within


def checked(address: str) -> str:
    """The address, if it is one.

    Raises:
        InvalidRequest: it is not.
    """
    if address in (LOCAL, AUTO) or _host_and_port(address) is not None:
        return address
    raise InvalidRequest(
        f"{address!r} is no cluster: say local, auto, HOST:PORT or ray://HOST:PORT",
        field="cluster",
    )


def _host_and_port(address: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(address if "://" in address else f"gcs://{address}")
        if parts.scheme in ("gcs", "ray") and parts.hostname and parts.port and not parts.path:
            return parts.hostname, parts.port
    except ValueError:  # a port that is no number
        pass
    return None


def knock(address: str) -> None:
    """See whether anybody listens there.

    Raises:
        Unavailable: nobody does.
    """
    target = _host_and_port(address)
    assert target is not None
    try:
        socket.create_connection(target, timeout=KNOCK).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(f"cannot reach the Ray cluster at {address}: {reason}") from None


def again_if_not_started(connect: Callable[[], object]) -> None:
    """Connect as a client, a few times if need be.

    The head node starts a server for each client, which on a busy node sometimes dies at once.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            connect()
        except (RuntimeError, OSError) as error:
            if NOT_STARTED not in " ".join(_chain(error)):
                raise
        else:
            return
    connect()


def cause(error: BaseException) -> str:
    """One line for what became of an actor; the whole is paragraphs, and may quote speech."""
    text = str(error)
    if DIED_IN_INIT in text:
        return "captioner is not installed in the Python that Ray uses there"
    if "OutOfMemory" in type(error).__name__ or "memory pressure" in text:
        return "its node ran out of memory"
    if "its node has died" in text or "node died" in text.lower():
        return "its node is gone"
    origin = getattr(error, "cause", None)
    if origin is not None:
        return f"it failed with {type(origin).__name__}"
    return "its process died"


@contextmanager
def _translated(address: str) -> Iterator[None]:
    """Ray's errors in connecting, as ours."""
    ray = _imported()
    try:
        yield
    except ray.exceptions.AuthenticationError:
        raise Unauthenticated(
            f"no token for the Ray cluster at {address}: put it into a file and name that, or "
            "into ~/.ray/auth_token"
        ) from None
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        chain = " ".join(_chain(error))
        if "InvalidAuthToken" in chain or "Unauthenticated" in chain:
            raise Unauthenticated(f"the Ray cluster at {address} wants another token") from None
        raise Unavailable(f"cannot connect to the Ray cluster at {address}: {chain}") from None


def _chain(error: BaseException) -> Iterator[str]:
    """The texts of an error and of its causes, each in one line."""
    link: BaseException | None = error
    while link is not None:
        yield " ".join(str(link).split())
        link = link.__cause__ or link.__context__


def _imported() -> ModuleType:
    try:
        import ray
    except ImportError:
        raise Unavailable(
            "working on a cluster needs the package ray: pip install 'captioner[cluster]'"
        ) from None
    module: ModuleType = ray
    return module


def _forget_token() -> None:
    """Make Ray look again for its mode and token: it remembers those of an earlier connection."""
    raylet: Any = importlib.import_module("ray._raylet")
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
