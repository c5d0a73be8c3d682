"""Stream one participant's track to a server and print the captions as they come.

    captioner serve
    python examples/stream_track.py examples/audio/meeting/claire.flac

A recording stands in for the participant: put the PCM that your media server has in place of
`participant`, in pieces of about 100 ms. While the track is muted send nothing, but tell
`stream.mute(offset)` how far capture has got, in samples: the times of later captions count it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from captioner.audio.files import decode_file
from captioner.live import Captioned, Gap
from captioner.rpc.client import (
    AudioFormat,
    CaptionerClient,
    CaptionStream,
    Encoding,
    StreamOptions,
)
from captioner.transcript import SAMPLE_RATE, Caption

PIECE = SAMPLE_RATE // 10  # samples in 100 ms; any rate from 8 to 48 kHz will do


async def main(recording: str, server: str = "127.0.0.1:50051") -> None:
    """Send and receive at the same time until the track is over."""
    options = StreamOptions(
        room="conseil",
        track="claire-micro",
        speaker_name="Claire",
        audio_format=AudioFormat(Encoding.FLOAT32, SAMPLE_RATE),
        key_terms=("DINUM", "Visio"),
    )
    async with (
        CaptionerClient(server) as client,
        client.stream(options) as stream,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(send(stream, recording))
        async for event in stream:
            if isinstance(event, Captioned):
                show(event.caption)
            elif isinstance(event, Gap):
                print(f"{(event.end - event.start) / SAMPLE_RATE:.1f} s of audio never arrived")


def show(caption: Caption) -> None:
    """One line a revision. On a screen, each revision replaces the one before it."""
    words = [word.text for word in caption.words]
    stays, may_change = words[: caption.committed], words[caption.committed :]
    kind = "final  " if caption.final else "interim"
    print(f"{caption.id:3} {kind}  {' '.join(stays)} [{' '.join(may_change)}]")


async def send(stream: CaptionStream, recording: str) -> None:
    """Send the track; `end` returns when everything said is final."""
    async for pcm in participant(recording):
        await stream.send(pcm)
    await stream.end()


async def participant(recording: str) -> AsyncIterator[bytes]:
    """Somebody talking: 32-bit floats, 100 ms at a time."""
    for block in decode_file(recording):
        for start in range(0, len(block), PIECE):
            yield block[start : start + PIECE].tobytes()
            await asyncio.sleep(PIECE / SAMPLE_RATE)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
