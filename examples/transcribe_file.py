"""Have a server transcribe a recording, and print its segments as they become known.

    captioner serve
    python examples/transcribe_file.py examples/audio/real/udhr_librivox.flac

On the command line, and without a server, `captioner transcribe FILE...` does the same.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from captioner.rpc.client import CaptionerClient
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.events import RecordingEnded, RecordingSegment


async def main(recording: str, server: str = "127.0.0.1:50051") -> None:
    """Upload the recording; live captions on the same server go first."""
    async with CaptionerClient(server) as client:
        async for event in client.transcribe(Path(recording), language="fr"):
            if isinstance(event, RecordingSegment):
                print(f"{event.start / SAMPLE_RATE:7.2f} s  {event.text}")
            elif isinstance(event, RecordingEnded):
                print(f"{event.segments} segments in {event.duration / SAMPLE_RATE:.0f} s")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
