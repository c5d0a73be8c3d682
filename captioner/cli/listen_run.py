"""The run of `captioner listen`: a microphone as a live track."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack

from captioner.cli.live_run import Outcome, Source, run_live
from captioner.cli.microphone import Microphone
from captioner.cli.playback import Pace
from captioner.cli.wishes import Wishes
from captioner.config import Settings


async def listen_to(
    settings: Settings, microphone: Microphone, wishes: Wishes, *, speaker: str
) -> Outcome:
    """Send a microphone to the server until it is interrupted.

    Raises:
        CaptionerError: the server refuses, or is gone.
        OSError: a file cannot be written.
    """
    with ExitStack() as recording:

        async def play(_: Pace) -> AsyncIterator[bytes]:
            # Not before the server is there: what nobody captions is not recorded.
            recording.enter_context(microphone.open())
            async for chunk in microphone.chunks():
                yield chunk

        source = Source("microphone", speaker, play, microphone.sample_rate)
        return await run_live(settings, [source], wishes)
