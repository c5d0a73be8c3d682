"""One live track as the client sees it: a stream that outlives its connections."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeAlias, assert_never, cast

import grpc
import grpc.aio

from captioner import live
from captioner.clock import Clock
from captioner.errors import CaptionerError, InvalidRequest, ResumeExpired, Timeout, Unavailable
from captioner.rpc import convert, responses
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.inbox import Inbox
from captioner.rpc.replay import Audio, Continuity, Flush, Item, Muted, Pace, ReplayBuffer, Update
from captioner.rpc.replay import backoff as backoff_delay
from captioner.rpc.status import from_rpc_error
from captioner.rpc.true_status import with_true_status
from captioner.transcript import SAMPLE_RATE

Call: TypeAlias = "grpc.aio.StreamStreamCall[pb.StreamCaptionsRequest, pb.StreamCaptionsResponse]"
Request = pb.StreamCaptionsRequest

LONGEST_UTTERANCE = 28.0  # seconds: the most a server can be set to; the buffer until it says
BURST_MARGIN = 1.0  # seconds kept away from the burst that the server allows
FIRST_BURST = 9.0  # seconds of audio that `send` takes at once

_RETRIED = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,  # a proxy's way to close a stream
    grpc.StatusCode.UNKNOWN,  # the same
)
# INTERNAL that is no fault of the server, by its text.
_CUT_OFF = ("RST_STREAM", "Internal error from Core")  # a proxy's idle timeout; a failed write


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits, in seconds."""

    first_response: float = 5.0
    """For the answer to a config, connection included."""
    connect: float = 10.0
    """For the first answer of all, over all attempts."""
    outage: float = 300.0
    """For an answer after a connection was lost, over all attempts."""
    keepalive: float = 3.0
    """Without audio before it sends a sign of life."""
    drain: float = 10.0
    """For the last finals of a server that goes away."""


class CaptionStream:
    """Audio in, events out, for one track; made by `CaptionerClient.stream`.

    Use it as a context manager, `send` from one task and iterate in another. When the connection
    or the server is lost it reconnects, resumes, and sends again what was not finalized yet.
    Leaving the context without `end` leaves the session to be resumed elsewhere.
    """

    def __init__(
        self,
        connect: Callable[[], Call],
        options: live.SessionConfig,
        *,
        clock: Clock,
        patience: Patience,
    ) -> None:
        capture_time = options.capture_time
        self._options = replace(
            options, capture_time=clock.wall() if capture_time is None else capture_time
        )
        self._connect = connect
        self._clock = clock
        self._patience = patience
        self._rate = options.audio_format.sample_rate
        seconds = LONGEST_UTTERANCE + convert.REPLAY_MARGIN
        self._buffer = ReplayBuffer(options.audio_format, seconds=seconds)
        self._continuity = Continuity()
        self._continuity.token = options.resume_token
        self._inbox = Inbox()
        self._base = 0  # position of the session's sample 0 in the stream, at the stream's rate
        self._pace = Pace(FIRST_BURST, clock.monotonic())
        self._wake = asyncio.Event()
        self._greeted = asyncio.Event()
        self._ending = False
        self._over = False
        self._draining = False
        self._not_before = 0.0  # when a server that goes away wants to see its clients elsewhere
        self._failures = 0  # since the last answer
        self._internal_errors = 0  # since the last final
        self._task: asyncio.Task[None] | None = None
        self.reconnections = 0
        """How often the connection was replaced so far."""

    async def __aenter__(self) -> Self:
        """Open the session.

        Raises:
            CaptionerError: it was refused, or nobody answered in time.
        """
        self._task = asyncio.create_task(self._run())
        greeted = asyncio.create_task(self._greeted.wait())
        try:
            await asyncio.wait((self._task, greeted), return_when=asyncio.FIRST_COMPLETED)
            if not self._greeted.is_set():
                await self._task
        except BaseException:
            await self._stop()
            raise
        finally:
            greeted.cancel()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the call up, if it still runs."""
        await self._stop()

    async def send(self, data: bytes, *, offset: int | None = None) -> None:
        """Send audio: whole samples in any number, or one Opus packet.

        Waits only when audio comes faster than real time. `offset` is the position of its first
        sample, in samples of the stream; a jump forward is a hole.

        Raises:
            ValueError: the bytes end inside a sample, or the offset is in the past.
            CaptionerError: the stream has failed.
        """
        # One second after the other: more than the buffer holds would push out its own beginning.
        step = self._options.audio_format.frame_bytes * self._rate or len(data)
        for index in range(0, len(data), step) if data else (0,):
            self._check_open()
            seconds = self._buffer.append(data[index : index + step], offset=offset)
            offset = None
            self._wake.set()
            if delay := self._pace.delay(seconds, self._clock.monotonic()):
                await asyncio.sleep(delay)

    async def mute(self, offset: int | None = None) -> None:
        """Say that capture has got to `offset` without audio; signs of life need no call."""
        self._check_open()
        self._buffer.mute(offset)
        self._wake.set()

    async def flush(self) -> None:
        """Ask for the finals of what was sent so far; the stream goes on."""
        self._check_open()
        self._buffer.flush()
        self._wake.set()

    async def update(
        self, *, language: str | None = None, key_terms: tuple[str, ...] | None = None
    ) -> None:
        """Change settings from the next utterance on; None leaves one as it is."""
        self._check_open()
        self._buffer.update(language, key_terms)
        self._options = replace(
            self._options,
            language=self._options.language if language is None else language,
            key_terms=self._options.key_terms if key_terms is None else key_terms,
        )
        self._wake.set()

    async def end(self) -> None:
        """End the track and wait until everything is final; the events can still be read.

        Raises:
            CaptionerError: the stream has failed.
        """
        self._ending = True
        self._wake.set()
        if self._task is not None:
            await asyncio.shield(self._task)

    def __aiter__(self) -> AsyncIterator[live.Event]:
        """The events, `Started` first and once, `Ended` last."""
        return self

    async def __anext__(self) -> live.Event:
        """The next event.

        Raises:
            CaptionerError: the stream has failed.
        """
        event = await self._inbox.get()
        if event is None:
            raise StopAsyncIteration
        return event

    def wall_time(self, position: int) -> float:
        """Seconds since 1970 at a position of an event."""
        return (self._options.capture_time or 0.0) + position / SAMPLE_RATE

    def _check_open(self) -> None:
        if self._ending:
            raise ValueError("the stream was ended")
        if self._task is None:
            raise ValueError("the stream was not opened: use `async with`")
        if self._task.done():
            self._task.result()
            raise ValueError("the stream is over")

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # --- One call after the other

    async def _run(self) -> None:
        try:
            await self._serve()
        except asyncio.CancelledError:
            await self._inbox.close()
            raise
        except BaseException as error:
            await self._inbox.close(error)
            raise
        await self._inbox.close()

    async def _serve(self) -> None:
        lost_at = self._clock.monotonic()
        while not self._over:
            try:
                await self._attempt()
            except (ResumeExpired, InvalidRequest) as refusal:
                if not (self._continuity.token and _of_token(refusal)):
                    raise
                self._start_afresh()
            except _Lost as lost:
                if not self._failures:
                    lost_at = self._clock.monotonic()
                patience = (
                    self._patience.outage if self._greeted.is_set() else self._patience.connect
                )
                if self._clock.monotonic() - lost_at > patience:
                    raise lost.error from None
                await self._back_off(lost.error)

    async def _back_off(self, error: CaptionerError) -> None:
        delay = backoff_delay(self._failures, random.random())  # noqa: S311 - jitter
        self._failures += 1
        asked = getattr(error, "retry_after", 0.0)
        until_welcome = self._not_before - self._clock.monotonic()
        await asyncio.sleep(max(delay, asked, until_welcome))

    async def _attempt(self) -> None:
        """One call, from its config to its end.

        Raises:
            _Lost: the call broke off; another one may go on.
            CaptionerError: there is no point in another one.
        """
        call = with_true_status(self._connect())
        try:
            started = await self._greet(call)
            await self._resume(started)
            await self._converse(call, started)
        except grpc.aio.AioRpcError as error:
            raise self._judge(error) from None
        except asyncio.InvalidStateError:
            raise _Lost(Unavailable("the call ended while it was written to")) from None
        finally:
            call.cancel()  # or it is never collected

    def _judge(self, error: grpc.aio.AioRpcError) -> Exception:
        meaning = from_rpc_error(error)
        if error.code() in _RETRIED and (
            self._greeted.is_set() or error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED
        ):
            return _Lost(meaning)
        if error.code() is grpc.StatusCode.INTERNAL:
            if any(text in (error.details() or "") for text in _CUT_OFF):
                return _Lost(meaning)
            self._internal_errors += 1
            if self._internal_errors == 1:
                return _Lost(meaning)
        return meaning

    async def _greet(self, call: Call) -> pb.Started:
        config = replace(
            self._options,
            resume_token=self._continuity.token,
            capture_time=self.wall_time(convert.native_position(self._base, self._rate)),
        )
        try:
            async with asyncio.timeout(self._patience.first_response):
                await call.write(Request(config=convert.stream_config(config)))
                response: Any = await call.read()
        except TimeoutError:
            text = f"no answer within {self._patience.first_response:g} s"
            raise _Lost(Timeout(text)) from None
        if response is grpc.aio.EOF or response.WhichOneof("response") != "started":
            raise _Lost(Unavailable("the call was not answered with `started`"))
        return cast("pb.Started", response.started)

    async def _resume(self, started: pb.Started) -> None:
        self._failures = 0
        event = responses.started(started)
        self._continuity.started(event)
        utterance = convert.samples(started.limits.max_utterance) / SAMPLE_RATE
        self._buffer.seconds = utterance + convert.REPLAY_MARGIN
        self._buffer.rewind(self._base + started.resume_from_sample)
        if self._greeted.is_set():
            self.reconnections += 1
        else:
            self._greeted.set()
            await self._inbox.put(event)
        await self._tell_lost()

    def _start_afresh(self) -> None:
        """The session is gone: a new one takes what was not finalized."""
        finalized = convert.stream_position(self._continuity.finalized, self._rate)
        self._buffer.rewind(finalized)
        self._base = max(finalized, self._buffer.start)
        self._continuity.restart(convert.native_position(self._base, self._rate))

    async def _tell_lost(self) -> None:
        if lost := self._buffer.take_lost():
            start, end = (convert.native_position(position, self._rate) for position in lost)
            if gap := self._continuity.lost(start, end):
                await self._inbox.put(gap)

    async def _converse(self, call: Call, started: pb.Started) -> None:
        burst = convert.samples(started.limits.max_burst) / SAMPLE_RATE
        pace = Pace(burst - BURST_MARGIN, self._clock.monotonic())
        self._draining = False
        pump = asyncio.create_task(self._pump(call, pace))
        try:
            await self._receive(call)
        finally:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
                await pump

    # --- The receiving half

    async def _receive(self, call: Call) -> None:
        while True:
            try:
                async with asyncio.timeout(self._patience.drain if self._draining else None):
                    response: Any = await call.read()
            except TimeoutError:
                raise _Lost(Unavailable("the server is going away")) from None
            if response is grpc.aio.EOF:
                raise _Lost(Unavailable("the call ended before the stream did"))
            event = responses.event(response)
            if event is not None:
                await self._deliver(event)
            if self._over:
                return

    async def _deliver(self, event: live.Event) -> None:
        if isinstance(event, live.Reconnect):
            self._draining = True
            self._not_before = self._clock.monotonic() + event.delay
            self._wake.set()
        if isinstance(event, live.Captioned) and event.caption.final:
            self._internal_errors = 0
        news = self._continuity.accept(event)
        if news is not None:
            await self._inbox.put(news)
        if isinstance(event, live.Ended):
            self._over = True

    # --- The sending half

    async def _pump(self, call: Call, pace: Pace) -> None:
        """Send what there is; when the call breaks off, the receiving half learns why."""
        with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
            while not self._draining:
                item = self._buffer.next()
                await self._tell_lost()
                if item is not None:
                    await self._send_item(call, item, pace)
                elif self._ending:
                    await call.write(Request(end_of_stream=pb.EndOfStream()))
                    return
                elif not await self._work():
                    await call.write(Request(keepalive=pb.Keepalive()))

    async def _work(self) -> bool:
        """Wait for something to do; False when it is time for a sign of life."""
        self._wake.clear()
        try:
            async with asyncio.timeout(self._patience.keepalive):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _send_item(self, call: Call, item: Item, pace: Pace) -> None:
        if isinstance(item, Audio):
            seconds = (item.end - item.start) / self._rate
            if delay := pace.delay(seconds, self._clock.monotonic()):
                await asyncio.sleep(delay)
        await call.write(self._request(item))

    def _request(self, item: Item) -> pb.StreamCaptionsRequest:
        match item:
            case Audio():
                chunk = pb.AudioChunk(data=item.data, sample_offset=item.start - self._base)
                return Request(audio=chunk)
            case Muted():
                position = convert.native_position(item.end - self._base, self._rate)
                return Request(keepalive=pb.Keepalive(capture_position=convert.duration(position)))
            case Flush():
                return Request(flush=pb.Flush())
            case Update():
                update = pb.UpdateConfig(
                    language=item.language or "",
                    key_terms=item.key_terms or (),
                    replace_key_terms=item.key_terms is not None,
                )
                return Request(update=update)
            case _:
                assert_never(item)


def _of_token(refusal: CaptionerError) -> bool:
    """Whether only the resume token was refused: expired, or of a key that was replaced."""
    if isinstance(refusal, InvalidRequest):
        return any(violation.field == "resume_token" for violation in refusal.violations)
    return isinstance(refusal, ResumeExpired)


class _Lost(Exception):
    """The call broke off for a reason that another call may not meet."""

    def __init__(self, error: CaptionerError) -> None:
        super().__init__(str(error))
        self.error = error
