"""One track's connection to a system, and what a reader is shown of it.

A peer's protocol is a pure ``Reader`` of its messages; ``SocketConnection`` is the wire around it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self

from tracks import TrackLog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from captioner.errors import CaptionerError, Unavailable
from captioner.evaluation.display import Display
from captioner.evaluation.normalisation import normalise
from captioner.transcript import Caption, Word

OPENING = 30.0  # seconds that a handshake may take: a server may be busy with others
CLOSING = 2.0  # seconds to wait for the other side to hang up


class Connection(Protocol):
    """A system that listens to one track."""

    @property
    def needs_silence(self) -> bool:
        """Whether what was said last is only made final when silence follows."""
        ...

    @property
    def pending(self) -> bool:
        """Whether something is shown that is not final, or still worked on."""
        ...

    async def __aenter__(self) -> Self:
        """Connect, and wait until audio may be sent.

        Raises:
            ResourceExhausted: the track was refused.
            Unavailable: nobody answers.
        """
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Hang up."""
        ...

    async def send(self, pcm: bytes) -> None:
        """Send 100 ms of LINEAR16 at 16 kHz."""
        ...

    async def end(self) -> None:
        """Say that nothing more will be sent."""
        ...

    async def listen(self, log: TrackLog, elapsed: Callable[[], float]) -> None:
        """Note what is shown, and when, until the system says that it is done.

        Raises:
            CaptionerError: the track broke off.
        """
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """All that a reader is shown of a track."""

    final: str
    """What the system says will not change: counts as stable, too."""
    pending: str = ""
    """What follows it."""
    stable: str = ""
    """What the system says will not change of that; nothing counts where it is no prefix."""

    def display(self, time: float) -> Display:
        """The same for the judge."""
        final, held = len(normalise(self.final)), normalise(self.stable)
        whole = " ".join(filter(None, (self.final, self.pending)))
        shown = Display.of_text(time, whole, stable=final, final=final)
        if shown.words[final : final + len(held)] != held:
            return shown
        return replace(shown, stable=final + len(held))


class Reader(Protocol):
    """What a peer's messages say: pure, one for each track."""

    text: Text
    """What is shown now."""
    ready: bool
    """Whether audio may be sent."""
    over: bool
    """Whether the peer said that it is done."""
    lost: int
    """Utterances or stretches of audio that the peer says it has dropped."""

    @property
    def busy(self) -> bool:
        """Whether the peer says that it works on what was said."""
        ...

    def read(self, message: dict[str, Any]) -> bool:
        """Take a message; whether what is shown may have changed.

        Raises:
            ResourceExhausted: the track is refused.
            Unavailable: the peer cannot serve it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How a peer wants to be spoken to."""

    hello: str = ""
    """Sent first, where there is something to say."""
    begin: str = ""
    """Sent once the peer is ready."""
    frame: Callable[[bytes], bytes] = bytes
    """What carries 100 ms of audio."""
    end: str | bytes | None = None
    """Sent when no audio follows."""
    needs_silence: bool = True
    hangs_up: bool = False
    """Whether the peer is done when it has been told the end: it says so in no message."""


class SocketConnection:
    """A track on a peer's WebSocket."""

    def __init__(self, url: str, reader: Reader, manner: Manner) -> None:
        self._url = url
        self._reader = reader
        self._manner = manner
        self._socket: ClientConnection | None = None
        self._early: list[dict[str, Any]] = []
        self._told_end = False

    @property
    def needs_silence(self) -> bool:
        """As the manner says."""
        return self._manner.needs_silence

    @property
    def pending(self) -> bool:
        """Whether something is shown that is not final, or still worked on."""
        return bool(self._reader.text.pending) or self._reader.busy

    async def __aenter__(self) -> Self:
        """Connect, and wait until audio may be sent."""
        try:
            self._socket = await connect(
                self._url,
                open_timeout=OPENING,
                close_timeout=CLOSING,
                ping_timeout=None,  # a busy peer is slow, not gone
                max_size=None,
                compression=None,
                proxy=None,
            )
            if self._manner.hello:
                await self._socket.send(self._manner.hello)
            while not self._reader.ready:
                self._reader.read(json.loads(await self._socket.recv()))
            if self._manner.begin:
                await self._socket.send(self._manner.begin)
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
            await self._close()
            raise Unavailable(f"{self._url} did not take the track: {error!r}") from None
        except CaptionerError:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Hang up."""
        await self._close()

    async def _close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def send(self, pcm: bytes) -> None:
        """Send 100 ms of audio."""
        await self._write(self._manner.frame(pcm))

    async def end(self) -> None:
        """Say that nothing more will be sent."""
        self._told_end = True
        if self._manner.end is not None:
            await self._write(self._manner.end)
        if self._manner.hangs_up:
            await self._close()

    async def _write(self, content: str | bytes) -> None:
        assert self._socket is not None
        try:
            await self._socket.send(content)
        except ConnectionClosed as closed:
            if not self._told_end:
                raise Unavailable(f"the peer hung up: {closed}") from None

    async def listen(self, log: TrackLog, elapsed: Callable[[], float]) -> None:
        """Note what is shown, and when, until the peer is done."""
        assert self._socket is not None
        reader = self._reader
        try:
            async for raw in self._socket:
                if reader.read(json.loads(raw)):
                    note(log, reader.text, elapsed())
                if reader.over:
                    break
        except ConnectionClosed as closed:
            if not self._told_end:
                raise Unavailable(f"the peer hung up: {closed}") from None
        finally:
            log.gaps = reader.lost
            log.finals = [as_caption(reader.text.final)]
            log.ended = self._told_end and not reader.text.pending


def note(log: TrackLog, text: Text, at: float) -> None:
    """Note what is shown from a moment on, unless it was shown before."""
    display = text.display(at)
    last = log.displays[-1] if log.displays else None
    if last is None or replace(last, time=display.time) != display:
        log.displays.append(display)


def as_caption(text: str) -> Caption:
    """All finals of a peer as one caption: peers tell no times of words, so there are none."""
    words = tuple(Word(word, 0, 0, 1.0) for word in text.split())
    return Caption(1, 1, 0, 0, words, len(words), final=True, language="")
