"""A live session on the event loop: bytes to the pure session, its decodes to the engine."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import structlog

from captioner.asr.engine import DecodeRow, Float32
from captioner.audio.stream import AudioStream
from captioner.clock import Clock
from captioner.errors import (
    CaptionerError,
    InvalidRequest,
    SessionTakenOver,
    TooFast,
    Unavailable,
)
from captioner.events import EventQueue
from captioner.live import (
    Captioned,
    Ended,
    Event,
    Gap,
    Progress,
    Reconnect,
    SessionConfig,
    SpeechEnded,
    SpeechStarted,
    Started,
)
from captioner.metrics import Metrics
from captioner.resume import ResumePoint, ResumeTokens
from captioner.rooms.publisher import RoomPublisher
from captioner.rounds import Rounds
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.policy import Priority
from captioner.streaming import actions as act
from captioner.streaming.session import Session
from captioner.streaming.settings import Effort
from captioner.transcript import SAMPLE_RATE, Caption
from captioner.vad.ahead import AheadDetector

MAX_FILLED_HOLE = 2.0  # seconds of missing audio that become silence; more is a gap
FINAL_ATTEMPTS = 5  # decodes of one final, while the engine is being rebuilt
RETRY_PAUSE = 1.0  # seconds before a final is decoded again
GATHERED = 1536  # samples: 96 ms, three frames of the detector, which is cheaper so
PRIORITIES = {act.Purpose.FINAL: Priority.FINAL, act.Purpose.INTERIM: Priority.INTERIM}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every session of a service shares."""

    batcher: Batcher
    clock: Clock
    metrics: Metrics
    tokens: ResumeTokens
    burst: float
    """Seconds that audio may run ahead of real time."""
    replay: float
    """Seconds more that a resumed session may send at once."""
    rounds: Rounds
    rooms: RoomPublisher
    effort: Callable[[], Effort]
    """What a final may cost, now."""


class LiveSession:
    """One track attached to the service. All methods are called on the event loop."""

    def __init__(
        self,
        session_id: str,
        config: SessionConfig,
        core: Session,
        *,
        detector: AheadDetector,
        language: str,
        shared: Surroundings,
    ) -> None:
        self.id = session_id
        self.config = config
        self.detector = detector
        """What the core hears with."""
        self._core = core
        self._language = language
        self._shared = shared
        self._events = EventQueue()
        self._decodes: dict[int, asyncio.Task[None]] = {}
        self._counted_speech = 0  # samples of it that the metrics have
        self._format = config.audio_format
        self._begin_audio(self._stream_position(core.received))
        self._resumed = core.received > 0
        self._burst = shared.burst + (shared.replay if self._resumed else 0.0)
        self._pace_origin = (shared.clock.monotonic(), self._base)
        self._clamped = 0
        self._gathered: list[Float32] = []
        self._gathered_samples = 0
        self._ending = False
        self._draining = False
        self._settled = asyncio.Event()
        self._voice = shared.rooms.join(config, session_id, received=core.received)
        self.detached_at: float | None = None
        """When the client was lost, in monotonic time."""
        self._last_progress = shared.clock.monotonic()
        self._events.put(Started(self.id, self._token(), core.received, core.restart.next_caption))

    # --- what is known from outside

    @property
    def talking(self) -> bool:
        """Whether somebody speaks, as far as the detector heard."""
        return self._core.talking

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self._ending and self._settled.is_set()

    def _deaf(self) -> bool:
        """Whether audio that still comes is of no interest."""
        return self._draining or self._ending

    def events(self) -> AsyncIterator[Event]:
        """What happens, `Started` first, until `Ended`; interims are dropped when not read.

        Raises (in the iteration):
            SessionTakenOver: a newer stream attached to the session.
            Unavailable: the replica went away; resume elsewhere.
        """
        return self._events.read()

    # --- what the client does

    async def audio(self, data: bytes, *, offset: int | None = None) -> None:
        """Feed audio; `offset` is the position of its first sample at the stream's own rate.

        Raises:
            InvalidRequest: malformed bytes, or an offset before what was received.
            TooFast: audio ran ahead of real time beyond the burst.
        """
        if self._deaf():
            return
        if offset is not None:
            await self._place(offset)
            if self._deaf():  # by now
                return
        clamped = self._stream.clamped
        self._take(self._stream.push(data))
        if self._stream.clamped > clamped:
            self._clamped += self._stream.clamped - clamped
            self._shared.metrics.audio_clamped_samples.inc(self._stream.clamped - clamped)
        self._check_pace()

    async def keepalive(self, position: int | None = None) -> None:
        """The track is muted; capture has got to `position` (16 kHz samples) without audio."""
        if position is None or self._draining or self._ending:
            return
        if position > self._core.received + int(MAX_FILLED_HOLE * SAMPLE_RATE):
            await self._skip(self._stream_position(position))
            self._check_pace()

    async def flush(self) -> None:
        """Finalize what was said so far; the session goes on."""
        await self._shared.rounds.settled(self)
        if not self._ending:
            self._take(self._stream.flush(), now=True)
            self._perform(self._core.flush())

    async def update(
        self, *, language: str | None = None, key_terms: tuple[str, ...] | None = None
    ) -> None:
        """Change settings from the next utterance on.

        Raises:
            InvalidRequest: the model does not know the language.
        """
        if language is not None:
            self._language = check_language(language, self._shared.batcher.info.languages)
        self._core.update(language=self._language, key_terms=key_terms)

    async def end(self) -> None:
        """The track is over: pending speech is finalized, then `Ended` is the last event."""
        await self._shared.rounds.settled(self)
        if self._ending:
            return
        if not self._draining:
            self._take(self._stream.flush(), now=True)
        self._ending = True
        self._perform(self._core.end())

    # --- what the service does

    async def detach(self) -> None:
        """The client was lost without `end`: keep the session resumable for a while."""
        if self.detached_at is None:
            self.detached_at = self._shared.clock.monotonic()
        self._events.close()

    def evict(self, *, resumed: bool) -> None:
        """A newer stream took the session's place: nothing of this one matters any more."""
        if resumed:
            self._voice.give_way()
        self._events.fail(SessionTakenOver("a newer stream attached to this session"))
        self.abandon()

    def abandon(self) -> None:
        """Stop without finalizing."""
        self._ending = True
        for task in list(self._decodes.values()):
            task.cancel()
        self._voice.leave()
        self._settled.set()
        self._events.close()

    async def drain(self, delay: float) -> None:
        """Tell the client to go elsewhere; return when everything said is final."""
        self._events.put(Reconnect(delay, "this replica is going away"))
        await self.flush()
        self._draining = True
        if self._core.pending is not None:
            await self._settled.wait()
        self._progress()
        if not self._ending:
            self._events.fail(Unavailable("this replica is going away: resume elsewhere"))

    def heartbeat(self, interval: float) -> None:
        """Send `Progress` when none was sent for `interval` seconds."""
        if self._shared.clock.monotonic() - self._last_progress >= interval:
            self._progress()

    # --- audio

    def _begin_audio(self, base: int) -> None:
        """Expect audio from `base` on, a position at the stream's own rate."""
        self._base = base
        self._stream = AudioStream(self._format)

    def _stream_position(self, position: int) -> int:
        return -(-position * self._format.sample_rate // SAMPLE_RATE)

    async def _place(self, offset: int) -> None:
        """Make `offset` the position of the next sample."""
        expected = self._base + self._stream.position
        missing = offset - expected
        first, self._resumed = self._resumed and self._stream.position == 0, False
        if missing < 0:
            raise InvalidRequest(
                f"sample_offset {offset} was received already: expected {expected} or more",
                field="audio.sample_offset",
            )
        if missing <= MAX_FILLED_HOLE * self._format.sample_rate:
            if missing:
                self._take(self._stream.push_silence(missing))
            return
        await self._shared.rounds.settled(self)
        start = self._core.received
        await self._skip(offset)
        if first:  # what a client does not replay after a resumption was final already
            self._pace_origin = (self._shared.clock.monotonic(), offset)
        else:
            self._shared.metrics.gaps.inc()
            self._events.put(Gap(start, self._core.received))

    async def _skip(self, position: int) -> None:
        """Go on at a position of the stream's own rate, without audio for what lies before."""
        await self._shared.rounds.settled(self)
        self._take(self._stream.flush(), now=True)
        native = max(position * SAMPLE_RATE // self._format.sample_rate, self._core.received)
        self._perform(self._core.skip_to(native))
        self._perform(self._core.receive(np.empty(0, np.float32)))  # it hears all it has from here
        self._begin_audio(position)

    def _check_pace(self) -> None:
        started, position = self._pace_origin
        received = self._base + self._stream.position - position
        ahead = received / self._format.sample_rate - (self._shared.clock.monotonic() - started)
        if ahead > self._burst:
            raise TooFast(
                f"audio is {ahead:.1f} s ahead of real time, at most {self._burst:g} s are allowed",
                retry_after=ahead - self._burst,
            )

    def _take(self, samples: Float32, *, now: bool = False) -> None:
        """Gather samples for the core to a few frames; `now`: hand them over at once."""
        if len(samples):
            self._gathered.append(samples)
            self._gathered_samples += len(samples)
        if now:
            self._shared.rounds.leave(self)
            self.take(self.gather())
        elif self._gathered_samples >= GATHERED:
            self._shared.rounds.join(self)

    # --- what rounds do

    def gather(self) -> Float32:
        """The audio that the core has not got yet; it has to be given it next."""
        gathered, self._gathered, self._gathered_samples = self._gathered, [], 0
        if not gathered or self.over:
            return np.empty(0, np.float32)
        return _joined(gathered)

    def take(self, samples: Float32) -> None:
        """Hand audio to the core."""
        if not len(samples) or self.over:
            return
        self._shared.metrics.audio_seconds.inc(len(samples) / SAMPLE_RATE)
        self._core.effort = self._shared.effort()
        self._perform(self._core.receive(samples))

    def fail(self, error: BaseException) -> None:
        """End the session: its audio could not be heard."""
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{each.filename}:{each.lineno} in {each.name}" for each in frames]
        log.error("session_failed", session=self.id, error=type(error).__name__, frames=where)
        self._events.fail(Unavailable("the session failed: open a new one", retry_after=1.0))
        self.abandon()

    # --- actions

    def _perform(self, actions: Sequence[act.Action]) -> None:
        for action in actions:
            match action:
                case act.Decode():
                    self._start(action)
                case act.Abandon(decode_id):
                    self._abandon(decode_id)
                case act.Emit():
                    self._emit(action)
                case act.Dropped(reason):
                    self._shared.metrics.dropped_hypotheses.labels(reason).inc()
                case act.Started(position):
                    self._voice.begin_talking()
                    self._events.put(SpeechStarted(position))
                case act.Stopped(position):
                    self._count_speech()
                    self._voice.stop_talking()
                    self._events.put(SpeechEnded(position))
                case act.Finished():
                    self._finish()
                case _:
                    assert_never(action)
        if self._core.pending is None:
            self._settled.set()
        else:
            self._settled.clear()

    def _start(self, decode: act.Decode) -> None:
        task = asyncio.create_task(self._decode(decode), name=f"decode {self.id}")
        self._decodes[decode.id] = task
        task.add_done_callback(lambda _: self._decodes.pop(decode.id, None))

    def _abandon(self, decode_id: int) -> None:
        """Withdraw a decode; one that is being computed is computed for nobody."""
        if task := self._decodes.pop(decode_id, None):
            task.cancel()

    async def _decode(self, decode: act.Decode) -> None:
        """Get one row decoded; a final is tried again while the engine is being rebuilt."""
        final = decode.purpose is act.Purpose.FINAL
        for attempt in range(FINAL_ATTEMPTS if final else 1):
            if attempt:
                await asyncio.sleep(RETRY_PAUSE * attempt)
            try:
                hypothesis = await self._shared.batcher.submit(
                    decode.row,
                    session=self.id,
                    priority=PRIORITIES[decode.purpose],
                    deadline=self._shared.clock.monotonic(),
                    refresh=lambda suits: self._refreshed(decode.id, suits),
                )
            except Unavailable:
                continue
            except CaptionerError as error:
                log.warning("decode_refused", session=self.id, error=type(error).__name__)
                break
            self._perform(self._core.decoded(decode.id, hypothesis))
            return
        if final:
            log.error("final_without_decode", session=self.id, attempts=FINAL_ATTEMPTS)
        self._perform(self._core.failed(decode.id))

    def _refreshed(self, decode_id: int, suits: Callable[[DecodeRow], bool]) -> DecodeRow | None:
        """The row of a decode that is about to begin, with the audio received since."""
        decode = self._core.refresh(decode_id, suits)
        return None if decode is None else decode.row

    def _emit(self, emit: act.Emit) -> None:
        caption = emit.caption
        kind = "final" if caption.final else "interim"
        self._shared.metrics.captions.labels(kind).inc()
        self._events.put(Captioned(caption, self._token() if caption.final else ""))
        self._voice.say(caption)
        self._observe(caption)
        if caption.final:
            self._shared.metrics.words.inc(len(caption.words))
            self._progress()

    def _observe(self, caption: Caption) -> None:
        """Report how long after its last word a caption comes, as far as the service can know."""
        started, position = self._pace_origin
        if not caption.words:
            return
        spoken = started + (caption.words[-1].end - position * SAMPLE_RATE // self._rate) / (
            SAMPLE_RATE
        )
        metrics = self._shared.metrics
        latency = metrics.finalisation_latency if caption.final else metrics.displayed_latency
        latency.observe(max(0.0, self._shared.clock.monotonic() - spoken))

    @property
    def _rate(self) -> int:
        return self._format.sample_rate

    def _progress(self) -> None:
        now = self._shared.clock.monotonic()
        self._last_progress = now
        lag = (self._core.received - self._core.decoded_until) / SAMPLE_RATE
        self._events.put(
            Progress(self._core.received, self._core.finalized, lag, self._clamped, self._token())
        )

    def _count_speech(self) -> None:
        more, self._counted_speech = self._core.speech - self._counted_speech, self._core.speech
        self._shared.metrics.speech_seconds.inc(more / SAMPLE_RATE)

    def _finish(self) -> None:
        self._voice.leave()
        self._events.put(
            Ended(self._core.received, self._core.speech, self._core.captions, self._core.words)
        )
        self._settled.set()

    def _token(self) -> str:
        restart = self._core.restart
        return self._shared.tokens.write(
            ResumePoint(
                session=self.id,
                room=self.config.room,
                track=self.config.track,
                language=self._language,
                append_only=self._core.append_only,
                position=restart.position,
                next_caption=restart.next_caption,
                continuing=restart.continuing,
                has_text=restart.has_text,
                speaker_power=restart.speaker_power,
            )
        )


def check_language(language: str, known: Sequence[str]) -> str:
    """The model's code of a BCP 47 language ("fr-CA" is "fr").

    Raises:
        InvalidRequest: the model does not know it.
    """
    code = language.split("-", maxsplit=1)[0].lower()
    if code not in known:
        raise InvalidRequest(f"the model does not know the language {language!r}", field="language")
    return code


def _joined(pieces: list[Float32]) -> Float32:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
