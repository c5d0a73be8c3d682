"""A process that runs a job of made-up tracks on a cluster and prints what becomes of them."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from cluster_fakes import named_executor, outcomes, shards

from captioner.batch.cluster import RayExecutor
from captioner.batch.job import Options
from captioner.config import Settings
from captioner.errors import CaptionerError


async def run(address: str, names: list[str], token_file: Path | None) -> None:
    executor = RayExecutor(
        Settings(workers=1),
        address=address,
        token_file=token_file,
        executor_factory=named_executor,
    )
    events = []
    async with executor:
        async for event in executor.run(shards(*names), Options("fr")):
            print(type(event).__name__, flush=True)  # noqa: T201 - its output
            events.append(event)
    for name, outcome in outcomes(events).items():
        print(f"{name}: {outcome}")  # noqa: T201 - its output


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--token-file", type=Path)
    arguments = parser.parse_args()
    try:
        asyncio.run(run(arguments.address, arguments.names, arguments.token_file))
    except CaptionerError as error:
        print(f"{type(error).__name__}: {error}")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
