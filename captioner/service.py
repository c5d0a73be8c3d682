"""The composition root: builds the parts once, and opens sessions over them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, Self

import structlog

from captioner.admission import UNHEARD, Capacity, Load, check_admission, headroom
from captioner.asr.engine import DecodeRow, Engine, EngineInfo
from captioner.asr.whisper import WhisperEngine, WhisperSettings
from captioner.asr.window import PADDED
from captioner.audio.format import AudioFormat
from captioner.authentication import read_tokens
from captioner.clock import Clock, SystemClock
from captioner.config import Settings
from captioner.errors import (
    ConfigError,
    InvalidRequest,
    ResourceExhausted,
    ResumeExpired,
    Unavailable,
)
from captioner.live import Mode, SessionConfig
from captioner.metrics import Metrics
from captioner.models.store import ModelStore
from captioner.resume import ResumePoint, ResumeTokens
from captioner.rooms.hub import RoomHub
from captioner.rooms.memory import MemoryHub
from captioner.rooms.publisher import RoomPublisher
from captioner.rooms.room import RoomLimits
from captioner.rounds import Rounds
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.crew import Crew
from captioner.scheduling.policy import Priority, Rules
from captioner.scheduling.succession import State
from captioner.sessions import LiveSession, Surroundings, check_language
from captioner.streaming.effort import EffortRule
from captioner.streaming.session import Session
from captioner.streaming.settings import Effort, StreamingSettings, samples
from captioner.transcript import Hypothesis
from captioner.transcription.decoding import row_by_row
from captioner.transcription.events import TranscriptionEvent
from captioner.transcription.pipeline import Transcriber, TranscriptionSettings
from captioner.vad.ahead import AheadDetector
from captioner.vad.detector import VoiceDetector
from captioner.vad.endpointing import EndpointingSettings
from captioner.vad.silero import SileroModel

TICK = 1.0  # seconds between two rounds of housekeeping
HEARTBEAT = 4.0  # seconds between two `Progress` of a session, with a tick to spare under 5
REPLAY_MARGIN = 10.0  # seconds of audio beyond the longest utterance that a client may replay
SESSION_ID_BYTES = 9
REMEMBERED_ENDS = 10_000  # ids of ended sessions, to refuse their tokens
RECONNECT_DELAY = 0.5  # seconds a client should wait before it resumes elsewhere

log = structlog.get_logger(__name__)

EngineFactory = Callable[[], Engine]


def whisper_factory(settings: Settings) -> EngineFactory:
    """Build the engine that the settings ask for, each time it is called.

    The factory raises:
        ModelError: the model is missing, incomplete or altered.
    """

    def build() -> Engine:
        model = ModelStore(settings.models_dir).find(settings.model)
        whisper = WhisperSettings(
            device=settings.device,
            compute_type=settings.compute_type,
            workers=settings.workers,
            threads_per_worker=settings.threads_per_worker,
            shortlist=settings.language if settings.shortlist else "",
        )
        return WhisperEngine(model.directory, model.manifest, whisper)

    return build


class CaptionService:
    """The service: one per process, used as an async context manager."""

    def __init__(
        self,
        settings: Settings,
        *,
        engine_factory: EngineFactory | None = None,
        clock: Clock | None = None,
        offline: bool = False,
    ) -> None:
        """Prepare; nothing is loaded before the context is entered.

        Args:
            settings: all there are.
            engine_factory: builds the engine; None: the model of the settings.
            clock: None: the system's.
            offline: no live session will come: recordings may have every worker.
        """
        self.settings = settings
        self.metrics = Metrics()
        self._clock = clock or SystemClock()
        self._batcher = Batcher(
            engine_factory or whisper_factory(settings),
            self._clock,
            rules=Rules(max_batch=settings.max_batch, reserved_workers=0 if offline else 1),
            timeout=settings.engine_timeout,
            metrics=self.metrics,
        )
        self.rooms: RoomHub = room_hub(settings, self._clock, self.metrics, shared=not offline)
        self._publisher = RoomPublisher(self.rooms, self._clock, self.metrics)
        self._open_rooms = contextlib.AsyncExitStack()
        self._sessions: dict[str, LiveSession] = {}
        self._ended: dict[str, None] = {}
        self._admitted: deque[float] = deque()
        self._draining = False
        self._effort_rule = effort_rule(settings)
        self._effort = self._effort_rule.at(0.0)
        self._housekeeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Load the model and start the batcher.

        Raises:
            ModelError: the model is missing, incomplete or altered.
            EngineFault: the engine could not be built.
        """
        self._silero = SileroModel.bundled()
        await self._batcher.start()
        self._detecting = Crew(1, name="captioner-detect")
        token_file = self.settings.token_file
        tokens = read_tokens(token_file) if token_file else []
        self._shared = Surroundings(
            batcher=self._batcher,
            clock=self._clock,
            metrics=self.metrics,
            tokens=ResumeTokens([token.encode() for token in tokens]),
            burst=self.settings.max_burst,
            replay=self.settings.max_utterance + REPLAY_MARGIN,
            rounds=Rounds(self._detecting.run),
            rooms=self._publisher,
            effort=lambda: self._effort,
        )
        self._transcriber = Transcriber(
            row_by_row(self._decode_recording),
            self._batcher.info,
            new_detector=lambda: VoiceDetector(self._silero),
            metrics=self.metrics,
            settings=TranscriptionSettings(
                language=self.settings.language,
                beam_size=self.settings.final_beam_size,
                padded=self.settings.final_window == "padded",
            ),
        )
        self.metrics.sessions.set_function(lambda: len(self._sessions))
        self.metrics.talking.set_function(lambda: self._load().talking)
        self._effort = self._final_effort()
        await self._open_rooms.enter_async_context(self.rooms)
        await self._open_rooms.enter_async_context(self._publisher)
        self._housekeeping = asyncio.create_task(self._keep_house(), name="housekeeping")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop: sessions still attached are abandoned, memory is freed."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        for session in list(self._sessions.values()):
            session.abandon()
        self._sessions.clear()
        await self._open_rooms.aclose()
        await self._batcher.close()
        self._detecting.dismiss()

    # --- what is known

    @property
    def info(self) -> EngineInfo:
        """The model and device in use."""
        return self._batcher.info

    @property
    def ready(self) -> bool:
        """Whether new sessions are accepted: the engine is loaded and nothing drains."""
        return not self._draining and self._batcher.state in (State.READY, State.RESTARTING)

    @property
    def alive(self) -> bool:
        """Whether the process can still serve: False when no engine can be built any more."""
        return self._batcher.state is not State.BROKEN

    @property
    def capacity(self) -> Capacity:
        """How loaded the replica is now."""
        load = self._load()
        return Capacity(
            sessions=load.sessions,
            talking=load.talking,
            max_sessions=self.settings.max_sessions,
            talking_headroom=headroom(load, workers=self._batcher.workers),
            draining=self._draining,
        )

    def _load(self) -> Load:
        return Load(
            sessions=len(self._sessions),
            talking=sum(session.talking for session in self._sessions.values()),
            utilisation=min(1.0, self._batcher.load / self._batcher.workers),
            backlog=self._batcher.backlog,
            turn=self._batcher.interim_turn,
            unheard=self._unheard(),
        )

    def _unheard(self) -> int:
        """How many were admitted so recently that what they cost is not measured yet."""
        while self._admitted and self._admitted[0] <= self._clock.monotonic() - UNHEARD:
            self._admitted.popleft()
        return min(len(self._admitted), len(self._sessions))

    def _final_effort(self) -> Effort:
        """What a final may cost, going by the load."""
        load = self._batcher.load / self._batcher.workers
        return self._effort_rule.at(load, waiting=self._batcher.backlog)

    # --- sessions

    async def open(self, config: SessionConfig) -> LiveSession:
        """Attach a new session, or resume one.

        Raises:
            InvalidRequest: naming the field of the config that is wrong.
            ResourceExhausted: the replica is full.
            Unavailable: draining, or the engine is restarting.
            ResumeExpired: the token is of a session that is gone.
        """
        if not self.ready:
            raise Unavailable("the service takes no new sessions now", retry_after=2.0)
        point = self._resume_point(config)
        settings = self._streaming_settings(config, point)
        session_id = point.session if point else secrets.token_urlsafe(SESSION_ID_BYTES)
        if not self._evict(config, session_id):
            self._admit()
        detector = AheadDetector(VoiceDetector(self._silero))
        core = Session(settings, detector, restart=point.restart if point else None)
        session = LiveSession(
            session_id,
            config,
            core,
            detector=detector,
            language=settings.language,
            shared=self._shared,
        )
        self._sessions[session_id] = session
        log.info("session_opened", session=session_id, resumed=point is not None)
        return session

    def _resume_point(self, config: SessionConfig) -> ResumePoint | None:
        if not config.resume_token:
            return None
        point = self._shared.tokens.read(config.resume_token)
        if point.session in self._ended:
            raise ResumeExpired("the session of this resume token has ended: open a new one")
        if (point.room, point.track) != (config.room, config.track):
            raise InvalidRequest(
                "the resume token is of another room or track", field="resume_token"
            )
        if point.append_only != (config.mode is Mode.APPEND_ONLY):
            raise InvalidRequest("a session cannot change its mode", field="mode")
        return point

    def _streaming_settings(
        self, config: SessionConfig, point: ResumePoint | None
    ) -> StreamingSettings:
        info = self._batcher.info
        asked = config.language or (point.language if point else self.settings.language)
        return StreamingSettings(
            window=info.window,
            n_mels=info.n_mels,
            language=check_language(asked, info.languages),
            key_terms=config.key_terms,
            append_only=config.mode is Mode.APPEND_ONLY,
            interims=config.interim_results,
            endpointing=endpointing(
                silence=config.endpoint_silence or self.settings.endpoint_silence,
                max_utterance=config.max_utterance or self.settings.max_utterance,
            ),
            hop=samples(self.settings.hop),
            final=self._effort,
        )

    def _admit(self) -> None:
        """Let one more in.

        Raises:
            ResourceExhausted: the replica is full.
        """
        try:
            check_admission(
                self._load(),
                max_sessions=self.settings.max_sessions,
                max_talking=self.settings.max_talking,
            )
        except ResourceExhausted as refusal:
            self.metrics.refused_sessions.labels(type(refusal).__name__).inc()
            raise
        self._admitted.append(self._clock.monotonic())

    def _evict(self, config: SessionConfig, session_id: str) -> bool:
        """Make room for a session: the same one resumed, or another writer of its track.

        Returns:
            Whether it takes the place of one that was admitted already.
        """
        evicted = False
        for other in list(self._sessions.values()):
            same_track = (other.config.room, other.config.track) == (config.room, config.track)
            if other.id == session_id or same_track:
                other.evict(resumed=other.id == session_id)
                self._forget(other.id, resumable=other.id == session_id)
                evicted = True
        return evicted

    def _forget(self, session_id: str, *, resumable: bool = False) -> None:
        self._sessions.pop(session_id, None)
        if not resumable:
            self._ended[session_id] = None
            while len(self._ended) > REMEMBERED_ENDS:
                self._ended.pop(next(iter(self._ended)))

    async def _keep_house(self) -> None:
        """Heartbeats, ends of lost sessions, and the lag of the event loop."""
        while True:
            due = self._clock.monotonic() + TICK
            await asyncio.sleep(TICK)
            now = self._clock.monotonic()
            self.metrics.event_loop_lag.observe(max(0.0, now - due))
            self._effort = self._final_effort()
            for session in list(self._sessions.values()):
                await self._look_after(session, now)

    async def _look_after(self, session: LiveSession, now: float) -> None:
        if session.over:
            self._forget(session.id)
            log.info("session_ended", session=session.id)
            return
        if session.detached_at is not None:
            if now - session.detached_at >= self.settings.resume_window:
                await session.end()
            return
        session.heartbeat(HEARTBEAT)

    async def drain(self) -> None:
        """Refuse new sessions, tell clients to reconnect, flush finals; returns when done."""
        self._draining = True
        try:
            async with asyncio.TaskGroup() as group:
                for session in list(self._sessions.values()):
                    group.create_task(session.drain(RECONNECT_DELAY))
            await self._publisher.flush()
        finally:
            self.rooms.dismiss()

    # --- recordings

    def transcribe(
        self,
        recording: BinaryIO,
        *,
        language: str = "",
        key_terms: tuple[str, ...] = (),
        audio_format: AudioFormat | None = None,
    ) -> AsyncIterator[TranscriptionEvent]:
        """Transcribe a recording; closing the iterator cancels it.

        Raises (in the iteration):
            UnsupportedAudio: the bytes are not a recording that can be decoded.
        """
        return self._transcriber.transcribe(
            recording, language=language, key_terms=key_terms, audio_format=audio_format
        )

    async def _decode_recording(self, row: DecodeRow) -> Hypothesis:
        return await self._batcher.submit(
            row, session="", priority=Priority.RECORDING, deadline=self._clock.monotonic()
        )


def room_hub(settings: Settings, clock: Clock, metrics: Metrics, *, shared: bool) -> RoomHub:
    """What keeps the rooms; `shared`: with other replicas, if the settings say so.

    Raises:
        ConfigError: the extra for Redis is not installed, or its password cannot be read.
    """
    limits = RoomLimits.of(settings)
    if settings.room_hub == "memory" or not shared:
        return MemoryHub(limits, clock, metrics)
    try:
        from captioner.rooms.redis import redis_hub
    except ImportError:
        raise ConfigError(
            "room_hub names a Redis: install captioner with the extra `redis`"
        ) from None
    return redis_hub(settings, limits, clock, metrics)


def effort_rule(settings: Settings) -> EffortRule:
    """The most that finals may cost, as the settings have it."""
    match settings.final_window:
        case "padded":
            return EffortRule(beam_size=settings.final_beam_size, window=PADDED)
        case "short":
            return EffortRule(settings.final_beam_size, long_window=0, fair_window=0)
        case "auto":
            return EffortRule(beam_size=settings.final_beam_size)


def endpointing(*, silence: float, max_utterance: float) -> EndpointingSettings:
    """Endpointing with the two durations that clients may choose, in seconds."""
    default = EndpointingSettings()
    return EndpointingSettings(
        silence_to_endpoint=silence,
        late_silence_to_endpoint=min(silence, default.late_silence_to_endpoint),
        max_utterance=max_utterance,
        cut_search=min(default.cut_search, max_utterance / 2),
        pause=min(default.pause, silence),
    )
