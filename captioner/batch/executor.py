"""The seam between a job and whatever works on its shards: this process, or a cluster."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Protocol, Self

from captioner.asr.engine import EngineInfo
from captioner.batch.job import Options, Shard, TrackEvent


class Executor(Protocol):
    """Works on shards; an async context manager that loads the model and lets it go."""

    async def __aenter__(self) -> Self:
        """Get ready.

        Raises:
            ModelError: the model is missing, incomplete or altered.
            Unavailable: what should do the work cannot be reached.
        """
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of everything."""
        ...

    @property
    def info(self) -> EngineInfo:
        """The model that does the work."""
        ...

    def run(self, shards: Sequence[Shard], options: Options) -> AsyncGenerator[TrackEvent, None]:
        """Work on shards; closing the generator stops the work.

        Each track gets exactly one `TrackTranscribed` or `TrackFailed`, in any order among tracks.

        Raises:
            EngineFault: no engine works any more; tracks without an answer were not done.
            Unavailable: what does the work is gone.
        """
        ...
