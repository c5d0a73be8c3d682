"""Runs the plan of recordings: hears ahead, decodes windows in batches, answers in order.

    recordings ──thread──▶ Listener ──windows──▶ Packer ──batches──▶ decodes (at most `ahead`)
                                                                          │
                                     segments of each recording, in order ◀

Which windows share a batch follows from the recordings alone, never from how fast anything is: the
same recordings give the same batches, hence the same words. Nothing happens unless somebody asks
for the next event: a reader that stops stops the hearing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, TypeVar

from captioner.asr.engine import EngineInfo
from captioner.audio.format import AudioFormat
from captioner.errors import CaptionerError, InvalidRequest
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.transcription.decoding import DecodeBatch, WindowReader
from captioner.transcription.events import (
    RecordingFailed,
    TranscriptionEvent,
)
from captioner.transcription.listening import Listener, PreparedWindow, RowSettings
from captioner.transcription.packing import Pack, Packer, PackingSettings
from captioner.transcription.plan import PlanSettings
from captioner.transcription.reading import Reading
from captioner.transcription.recording import Recording, open_recording
from captioner.transcription.transcript import TranscriptInOrder
from captioner.vad.detector import VoiceActivity

Opener = Callable[[], Recording]
"""Opens a recording; it blocks, and raises `CaptionerError` when there is none to be opened."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """How recordings are transcribed. Durations are in seconds."""

    language: str = "fr"
    """Of recordings that name none."""
    beam_size: int = 5
    padded: bool = False
    """Decode on windows padded to 30 s, whatever the model's rule."""
    shortest_window: float = 20.0
    """Windows are at least this long: a model reads short ones less well, and few are short."""
    ahead: int = 3
    """Batches that may wait to be decoded."""
    plan: PlanSettings = field(default_factory=PlanSettings)
    packing: PackingSettings = field(default_factory=PackingSettings)

    def window(self, rule: WindowRule) -> WindowRule:
        """The window rule of recordings with a model whose own rule is `rule`."""
        return WindowRule(
            padded=self.padded or rule.padded,
            silence=rule.silence,
            minimum=max(rule.minimum, self.shortest_window),
        )


class Transcriber:
    """Transcribes recordings, any number at a time.

    Args:
        decode: what decodes batches.
        info: of the model behind it.
        new_detector: builds the voice detector of one recording.
        metrics: what to report to.
        settings: the defaults, unless given.
    """

    def __init__(
        self,
        decode: DecodeBatch,
        info: EngineInfo,
        *,
        new_detector: Callable[[], VoiceActivity],
        metrics: Metrics,
        settings: TranscriptionSettings | None = None,
    ) -> None:
        self._decode = decode
        self._info = info
        self._new_detector = new_detector
        self._metrics = metrics
        self._settings = settings or TranscriptionSettings()

    async def transcribe(
        self,
        recording: BinaryIO,
        *,
        language: str = "",
        key_terms: tuple[str, ...] = (),
        audio_format: AudioFormat | None = None,
    ) -> AsyncGenerator[TranscriptionEvent, None]:
        """Transcribe a recording; closing the iterator cancels it.

        Segments come in order, each once, `RecordingEnded` last. A recording that breaks off is
        transcribed as far as it can be read before the error is raised.

        Args:
            recording: is read from where it stands, in threads, and not closed.
            language: one of the model's; empty for the default.
            key_terms: names and acronyms that are likely.
            audio_format: of bare samples; None when the file itself tells what it holds.

        Raises:
            UnsupportedAudio: the bytes are no recording, or one that breaks off.
            InvalidRequest: the language is not one of the model's, or the format cannot be read.
            EngineFault: the engine failed on a window as often as was tried.
            Unavailable: the service closes.
        """
        opener = partial(open_recording, recording, audio_format)
        events = self.transcribe_all([opener], language=language, key_terms=key_terms)
        try:
            async for _, event in events:
                if isinstance(event, RecordingFailed):
                    raise event.error
                yield event
        finally:
            await events.aclose()

    async def transcribe_all(
        self,
        openers: Sequence[Opener],
        *,
        language: str = "",
        key_terms: tuple[str, ...] = (),
    ) -> AsyncGenerator[tuple[int, TranscriptionEvent | RecordingFailed], None]:
        """Transcribe recordings whose windows share batches; closing the iterator cancels it.

        Yields:
            The index of a recording and what happened to it. Each one's segments come in order,
            and its `RecordingEnded` or `RecordingFailed` last.

        Raises:
            InvalidRequest: the language is not one of the model's.
            EngineFault: the engine failed on a window as often as was tried.
            Unavailable: the service closes.
        """
        rows = self._row_settings(language or self._settings.language, key_terms)
        windows = WindowReader(self._decode, rows.window, self._metrics)
        run = _Run(
            openers,
            hear=lambda recording: Listener(
                recording, self._new_detector(), plan=self._settings.plan, rows=rows
            ),
            read=windows.read,
            settings=self._settings,
            language=rows.language,
            metrics=self._metrics,
        )
        try:
            while not run.ended:
                for event in await run.advance():
                    yield event
        finally:
            await run.close()

    def _row_settings(self, language: str, key_terms: tuple[str, ...]) -> RowSettings:
        if language not in self._info.languages:
            raise InvalidRequest(
                f"the model {self._info.model} does not know the language {language!r}",
                field="language",
            )
        return RowSettings(
            n_mels=self._info.n_mels,
            window=self._settings.window(self._info.window),
            language=language,
            key_terms=key_terms,
            beam_size=self._settings.beam_size,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a window belongs."""

    recording: int
    window: int
    prepared: PreparedWindow


Events = list[tuple[int, TranscriptionEvent | RecordingFailed]]


class _Run:
    """Recordings on their way through, one being heard at a time."""

    def __init__(
        self,
        openers: Sequence[Opener],
        *,
        hear: Callable[[Recording], Listener],
        read: Callable[[Sequence[PreparedWindow]], Coroutine[None, None, list[Reading]]],
        settings: TranscriptionSettings,
        language: str,
        metrics: Metrics,
    ) -> None:
        self._waiting = deque(enumerate(openers))
        self._hear = hear
        self._read = read
        self._ahead = settings.ahead
        self._language = language
        self._metrics = metrics
        self._packer: Packer[_Place] = Packer(settings.packing)
        self._transcripts: dict[int, TranscriptInOrder] = {}
        self._opened: Recording | None = None
        self._current: tuple[int, Listener] | None = None
        self._decoding: dict[asyncio.Task[list[Reading]], Pack[_Place]] = {}

    @property
    def ended(self) -> bool:
        """Whether everything was told."""
        return not (self._waiting or self._current or self._decoding)

    async def advance(self) -> Events:
        """Do the next thing there is to do; return what there is to tell of it."""
        heard_all = not (self._waiting or self._current)
        if heard_all or len(self._decoding) >= self._ahead:
            await asyncio.wait(self._decoding, return_when=asyncio.FIRST_COMPLETED)
        events = [event for task in [*self._decoding] if task.done() for event in self._take(task)]
        if events or heard_all:
            return events
        if self._current is None:
            return await self._open_next()
        return await self._listen(*self._current)

    async def close(self) -> None:
        """Withdraw the decodes that nobody will ask for any more, and close what is open."""
        for task in self._decoding:
            task.cancel()
        try:
            await asyncio.gather(*self._decoding, return_exceptions=True)
        finally:  # also when cancelled again
            await self._close_opened()

    async def _open_next(self) -> Events:
        number, opener = self._waiting.popleft()
        try:
            recording = await in_thread(partial(self._open, opener))
        except CaptionerError as error:
            self._pack_rest()
            return [(number, RecordingFailed(error))]
        self._current = number, self._hear(recording)
        self._transcripts[number] = TranscriptInOrder(self._language, recording.duration)
        return []

    def _open(self, opener: Opener) -> Recording:
        # Kept here and now: whoever waits for the thread may be cancelled meanwhile.
        self._opened = opener()
        return self._opened

    async def _listen(self, number: int, listener: Listener) -> Events:
        transcript = self._transcripts[number]
        for prepared in await in_thread(listener.listen):
            window = transcript.expect(prepared.plan.start)
            place = _Place(number, window, prepared)
            for pack in self._packer.push(place, prepared.frames):
                self._decode(pack)
        transcript.hear(listener.heard, listener.planned_until)
        if not listener.over:
            return self._told(number)
        transcript.end(listener.error)
        self._current = None
        await self._close_opened()
        self._pack_rest()
        return self._told(number)

    async def _close_opened(self) -> None:
        recording, self._opened = self._opened, None
        if recording is not None:
            await in_thread(recording.close)
            self._metrics.audio_clamped_samples.inc(recording.clamped)

    def _pack_rest(self) -> None:
        """After the last recording nothing can join the windows that wait."""
        if not self._waiting:
            for pack in self._packer.flush():
                self._decode(pack)

    def _decode(self, pack: Pack[_Place]) -> None:
        windows = [place.prepared.padded_to(pack.length) for place in pack.items]
        self._decoding[asyncio.create_task(self._read(windows))] = pack

    def _take(self, task: asyncio.Task[list[Reading]]) -> Events:
        pack = self._decoding.pop(task)
        for place, reading in zip(pack.items, task.result(), strict=True):
            self._transcripts[place.recording].take(place.window, reading)
        numbers = dict.fromkeys(place.recording for place in pack.items)
        return [event for number in numbers for event in self._told(number)]

    def _told(self, number: int) -> Events:
        transcript = self._transcripts[number]
        events = [(number, event) for event in transcript.tell()]
        if transcript.complete:
            del self._transcripts[number]
        return events


async def in_thread(call: Callable[[], Result]) -> Result:
    """Call in a thread; when cancelled, wait for the call to end before the cancellation goes on.

    What the call works on is then free to be closed, however often somebody cancels.
    """
    running = asyncio.ensure_future(asyncio.to_thread(call))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not running.cancelled():
            running.exception()  # nobody will ask for it
        raise cancelled
    return running.result()
