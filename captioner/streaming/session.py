"""One session: audio and decodes in, captions out. Pure: it acts only through its actions.

    audio ──▶ detector ──▶ endpointer ──▶ utterance ──every hop──▶ Decode(INTERIM)
                                              │ pause ───────────▶ Decode(FINAL), on speculation
                                              └ endpoint ────────▶ that answer, or Decode(FINAL)

At most one decode is in flight; audio that arrives meanwhile is in the next window. After each
final everything restarts at its end (detector, endpointer, text context), so that a session
resumed there goes on exactly as one that was never interrupted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from captioner.asr.engine import SHORTEST_SPEECH, DecodeRow, Float32
from captioner.asr.hallucination import invented
from captioner.asr.plausibility import Doubt, doubt
from captioner.asr.window import MEL_HOP
from captioner.streaming.actions import (
    Abandon,
    Action,
    Decode,
    Dropped,
    Emit,
    Finished,
    Purpose,
    Restart,
    Started,
    Stopped,
)
from captioner.streaming.audio import SessionAudio
from captioner.streaming.captions import CaptionWriter
from captioner.streaming.hearing import Hearing
from captioner.streaming.revision import reconcile
from captioner.streaming.settings import StreamingSettings, samples
from captioner.streaming.utterance import Answer, Utterance, Window
from captioner.streaming.words import SpelledWord, without_loop
from captioner.transcript import Hypothesis
from captioner.vad import FRAME_SAMPLES
from captioner.vad.detector import VoiceActivity
from captioner.vad.endpointing import (
    Endpoint,
    EndpointReason,
    Event,
    PauseStarted,
    SpeechResumed,
    SpeechStarted,
)

QUIET = samples(10.0)  # silence after which the session restarts, to be resumed from there
KEPT_IN_SILENCE = samples(2.0)  # audio kept for the pre-roll of an utterance still to come
UNBELIEVABLE = (Doubt.LOOP, Doubt.COMPRESSION, Doubt.WORD_RATE, Doubt.NO_SPEECH)


@dataclass(frozen=True, slots=True)
class _Closing:
    """An utterance that ended and waits for its final."""

    utterance: Utterance
    endpoint: Endpoint
    speaker_power: float
    """How loud the speaker was then."""

    @property
    def end(self) -> int:
        """Where it ended."""
        return self.endpoint.end


@dataclass(frozen=True, slots=True)
class _InFlight:
    """The decode that the session waits for."""

    decode: Decode
    utterance: Utterance
    window: Window


class Session:
    """The captions of one track."""

    def __init__(
        self,
        settings: StreamingSettings,
        detector: VoiceActivity,
        *,
        restart: Restart | None = None,
    ) -> None:
        """Begin, or go on from the last final of a session that was interrupted."""
        self.restart = restart or Restart()
        """Where a resumption would begin now."""
        self.speech = 0
        """Samples of finished utterances."""
        self.effort = settings.final
        """What a final that is asked for from now on may cost."""
        self._settings = settings
        self._next_settings = settings
        self._hearing = Hearing(settings.endpointing, detector)
        self._captions = CaptionWriter(self.restart, append_only=settings.append_only)
        self._open: Utterance | None = None
        self._pause_end: int | None = None
        self._next_interim = 0
        self._closing: deque[_Closing] = deque()
        self._in_flight: _InFlight | None = None
        self._decodes = 0
        self._ending = False
        self._audio = SessionAudio(self.restart.position, settings.n_mels)
        self._hearing.restart(
            self.restart.position, self.restart.speaker_power, continuing=self.restart.continuing
        )

    # --- what is known from outside

    @property
    def received(self) -> int:
        """Position up to which audio was received."""
        return self._audio.end

    @property
    def finalized(self) -> int:
        """Position before which no later final will start."""
        if self._closing:
            return self._closing[0].utterance.start
        if self._open:
            return self._open.start
        return self._hearing.silent_until

    @property
    def talking(self) -> bool:
        """Whether an utterance is open."""
        return self._open is not None

    @property
    def pending(self) -> int | None:
        """Start of the oldest speech that is not final yet, if any."""
        return self.finalized if self._closing or self._open else None

    @property
    def decoded_until(self) -> int:
        """Position up to which speech was decoded, or is being decoded."""
        if self._closing:
            return self._closing[0].end
        if self._open:
            return min(self._next_interim, self.received)
        return self.received

    @property
    def append_only(self) -> bool:
        """Whether committed words are never corrected."""
        return self._settings.append_only

    @property
    def captions(self) -> int:
        """Captions begun so far, those before a resumption included."""
        return self._captions.next_caption - 1

    @property
    def words(self) -> int:
        """Words in finals."""
        return self._captions.words

    # --- audio in

    def receive(self, audio: Float32) -> list[Action]:
        """Take the next samples at 16 kHz, in any number."""
        self._audio.append(audio)
        return self._listen()

    def skip_to(self, position: int) -> list[Action]:
        """Go on at `position` after audio that does not exist: muted, or lost.

        Raises:
            ValueError: the position was received already.
        """
        if position < self.received:
            raise ValueError(f"cannot skip to {position}: received until {self.received}")
        actions = self.flush()
        self._audio = SessionAudio(position, self._settings.n_mels)
        self._hearing.restart(position // MEL_HOP * MEL_HOP, self._hearing.speaker_power)
        return actions

    def flush(self) -> list[Action]:
        """Finalize what was said so far."""
        actions: list[Action] = []
        done, power = self.received // MEL_HOP * MEL_HOP, self._hearing.speaker_power
        while endpoint := self._end_utterance(actions):
            # What follows the end is heard again, and may hold more speech.
            done, power = endpoint.end, self._hearing.speaker_power
            self._hearing.restart(done, power, continuing=_is_cut(endpoint))
            actions += self._listen()
            if self.received - done < FRAME_SAMPLES:
                break
        self._hearing.restart(done, power)
        # Perhaps no frame follows for long, so what was ended is decoded now.
        return actions + self._listen() + self._next_decode()

    def _end_utterance(self, actions: list[Action]) -> Endpoint | None:
        """End the open utterance, or one that the last samples open, if any."""
        endpoint: Endpoint | None = None
        for probability in self._hearing.last_probabilities():
            endpoint = self._take_frame(probability, actions)
        return endpoint or self._take_events(self._hearing.end(), actions)

    def end(self) -> list[Action]:
        """The stream is over: `Finished` follows its last final."""
        actions = self.flush()
        self._ending = True
        return actions + self._next_decode()

    def update(self, *, language: str | None, key_terms: tuple[str, ...] | None) -> None:
        """Change settings from the next utterance on; None leaves one as it is."""
        settings = self._next_settings
        self._next_settings = replace(
            settings,
            language=settings.language if language is None else language,
            key_terms=settings.key_terms if key_terms is None else key_terms,
        )

    def _listen(self) -> list[Action]:
        """Hear what was received since, from the last restart on."""
        actions: list[Action] = []
        hearing = self._hearing
        while hearing.scanned < self.received:
            audio = self._audio.samples(hearing.scanned, self.received)
            for probability in hearing.probabilities(audio):
                endpoint = self._take_frame(probability, actions)
                if endpoint:
                    continuing = _is_cut(endpoint)
                    hearing.restart(endpoint.end, hearing.speaker_power, continuing=continuing)
                    break
                if not self._open and hearing.heard - hearing.origin >= QUIET:
                    self._restart_in_silence()
                    break
        self._audio.forget(self._oldest_needed())
        return actions

    def _restart_in_silence(self) -> None:
        """Begin anew where an utterance may start next: a resumption then replays little."""
        position, power = (
            self._hearing.silent_until // MEL_HOP * MEL_HOP,
            self._hearing.speaker_power,
        )
        self._hearing.restart(position, power)
        if not self._closing:
            self.restart = replace(
                self.restart, position=position, continuing=False, speaker_power=power
            )

    def _take_frame(self, probability: float, actions: list[Action]) -> Endpoint | None:
        """Take one frame's probability; tell whether it ended an utterance."""
        endpoint = self._take_events(self._hearing.take(probability), actions)
        if self._open and probability >= self._settings.endpointing.speech_threshold:
            self._open.voiced += FRAME_SAMPLES
        actions += self._next_decode()
        return endpoint

    def _take_events(self, events: Iterable[Event], actions: list[Action]) -> Endpoint | None:
        """Take what the endpointer found; tell where it ended an utterance."""
        for event in events:
            match event:
                case SpeechStarted(start):
                    self._open_utterance(start)
                    actions.append(Started(start))
                case PauseStarted(speech_end):
                    tail = samples(self._settings.endpointing.tail)
                    self._pause_end = -(-(speech_end + tail) // MEL_HOP) * MEL_HOP
                    actions += self._abandon_interim()
                case SpeechResumed():
                    self._pause_end = None
                case Endpoint():
                    endpoint = self._close_utterance(event)
                    actions.append(Stopped(endpoint.end))
                    return endpoint
                case _:
                    assert_never(event)
        return None

    def _open_utterance(self, start: int) -> None:
        self._settings = self._next_settings
        self._open = Utterance(start, self._settings, self._audio)
        self._pause_end = None
        self._next_interim = start + self._settings.first_hop

    def _close_utterance(self, endpoint: Endpoint) -> Endpoint:
        """Close the open utterance; tell where it really ended.

        That is on a hop within the audio received, and an append-only final cannot take words
        back: a cut then falls behind those that are committed.
        """
        if self._open is None:
            raise AssertionError("an endpoint without an utterance")
        end = endpoint.end
        if self._settings.append_only and self._open.committed:
            end = max(end, self._open.committed[-1].word.end + MEL_HOP - 1)
        endpoint = replace(endpoint, end=min(end, self.received) // MEL_HOP * MEL_HOP)
        self._closing.append(_Closing(self._open, endpoint, self._hearing.speaker_power))
        self.speech += endpoint.end - self._open.start
        self._open = self._pause_end = None
        return endpoint

    def _oldest_needed(self) -> int:
        starts = [closing.utterance.start for closing in self._closing]
        starts += [self._open.start] if self._open else []
        return min([*starts, self._hearing.scanned - KEPT_IN_SILENCE])

    # --- decodes out

    def _next_decode(self) -> list[Action]:
        """Finals that are known, then the decode that is due, if none is in flight."""
        actions: list[Action] = []
        while self._closing and not self._in_flight:
            closing = self._closing[0]
            words = self._final_words(closing)
            if words is None:
                window = closing.utterance.final_window(closing.end, self.effort)
                return [*actions, self._decode(Purpose.FINAL, closing.utterance, window)]
            self._closing.popleft()
            actions += self._final(closing, words)
        if self._in_flight:
            return actions
        if self._open:
            decode = self._decode_open(self._open)
            actions += [decode] if decode else []
        elif self._ending:
            self._ending = False
            actions.append(Finished())
        return actions

    def _final_words(self, closing: _Closing) -> tuple[SpelledWord, ...] | None:
        """The words of a final, if no decode is needed to know them."""
        utterance = closing.utterance
        if utterance.answer is not None and utterance.answer.end == closing.end:
            return utterance.answer.words
        if utterance.final_window(closing.end, self.effort).speech_frames < SHORTEST_SPEECH:
            return self._settled(utterance, (), utterance.final_window(closing.end, self.effort))
        return None

    def _abandon_interim(self) -> list[Action]:
        """Give up the interim in flight: what comes next knows more."""
        flight = self._in_flight
        if flight is None or flight.decode.purpose is not Purpose.INTERIM:
            return []
        self._in_flight = None
        return [Abandon(flight.decode.id)]

    def _decode_open(self, utterance: Utterance) -> Decode | None:
        """The decode that the open utterance is due: in a pause on speculation, else an interim."""
        heard = min(self._hearing.heard, self.received)
        if self._pause_end is not None:
            known = utterance.answer is not None and utterance.answer.end == self._pause_end
            if known or self._pause_end > heard or not self.effort.speculate:
                return None
            window = utterance.final_window(self._pause_end, self.effort)
            return self._decode(Purpose.FINAL, utterance, window)
        if not self._settings.interims or heard < self._next_interim:
            return None
        hop = self._settings.hop
        edge = self._next_interim + (heard - self._next_interim) // hop * hop
        self._next_interim = edge + hop
        return self._decode(Purpose.INTERIM, utterance, utterance.interim_window(edge))

    def _decode(self, purpose: Purpose, utterance: Utterance, window: Window) -> Decode:
        final = purpose is Purpose.FINAL
        row = utterance.row(window, self.effort if final else None)
        self._decodes += 1
        decode = Decode(self._decodes, purpose, window.edge, row)
        self._in_flight = _InFlight(decode, utterance, window)
        return decode

    def refresh(self, decode_id: int, suits: Callable[[DecodeRow], bool]) -> Decode | None:
        """The same decode with the audio received since, when an interim still waits its turn.

        Whoever drives the session may ask right before the engine begins on the decode, and then
        must decode what it gets in place of the first row; None leaves that as it is.

        Args:
            decode_id: of the decode.
            suits: whether a row may take the place of the first: share its batch.
        """
        flight = self._in_flight
        if flight is None or flight.decode.id != decode_id or flight.utterance is not self._open:
            return None
        heard = min(self._hearing.heard, self.received)
        more = (heard - flight.window.edge) // self._settings.refresh * self._settings.refresh
        if flight.decode.purpose is not Purpose.INTERIM or not more:
            return None
        window = flight.utterance.interim_window(flight.window.edge + more)
        row = flight.utterance.row(window)
        if not suits(row):
            return None
        decode = replace(flight.decode, edge=window.edge, row=row)
        self._in_flight = replace(flight, decode=decode, window=window)
        self._next_interim = window.edge + self._settings.hop
        return decode

    # --- decodes in

    def decoded(self, decode_id: int, hypothesis: Hypothesis) -> list[Action]:
        """Take the answer to a `Decode`; an answer nobody waits for changes nothing."""
        flight = self._land(decode_id)
        if flight is None:
            return []
        take = self._take_interim if flight.decode.purpose is Purpose.INTERIM else self._take_final
        why = take(flight, hypothesis)
        actions: list[Action] = [Dropped(why)] if why else []
        return actions + self._interim(flight.utterance) + self._next_decode()

    def _take_interim(self, flight: _InFlight, hypothesis: Hypothesis) -> str:
        """Show what an interim heard; tell why not, if not."""
        utterance, window = flight.utterance, flight.window
        why = doubt(hypothesis, window.speech_frames * MEL_HOP)
        if why in UNBELIEVABLE:
            return why.value
        if not utterance.committed and (phrase := _why_invented(flight, hypothesis)):
            return phrase
        closing = self._closing[0] if self._closing else None
        if closing is None or closing.utterance is not utterance or window.edge <= closing.end:
            utterance.listen(utterance.spelled(hypothesis, window), window.edge)
        return ""

    def _take_final(self, flight: _InFlight, hypothesis: Hypothesis) -> str:
        """Keep the words of a final; tell why not, if not."""
        utterance, window = flight.utterance, flight.window
        why = _why_invented(flight, hypothesis)
        words = () if why else without_loop(utterance.spelled(hypothesis, window))
        utterance.answer = Answer(window.edge, self._settled(utterance, words, window))
        if utterance is self._open and not why:
            utterance.pause(utterance.answer)
        return why

    def failed(self, decode_id: int) -> list[Action]:
        """Give up a `Decode`: a final then consists of the words already shown."""
        flight = self._land(decode_id)
        if flight is None:
            return []
        utterance = flight.utterance
        if flight.decode.purpose is Purpose.FINAL:
            edge = flight.window.edge
            shown = (*utterance.committed, *utterance.tentative)
            # What was shown from behind a cut belongs to the next utterance.
            utterance.answer = Answer(edge, tuple(w for w in shown if w.word.start < edge))
        return self._next_decode()

    def _land(self, decode_id: int) -> _InFlight | None:
        flight = self._in_flight
        if flight is None or flight.decode.id != decode_id:
            return None
        self._in_flight = None
        return flight

    def _settled(
        self, utterance: Utterance, words: tuple[SpelledWord, ...], window: Window
    ) -> tuple[SpelledWord, ...]:
        """The words of a final, from those that its decode gave."""
        if not window.whole:
            return (*utterance.committed, *words)
        settled = utterance.settled(window)
        if not words:
            return settled
        open_words = utterance.committed[len(settled) :]
        corrected = reconcile(
            [spelled for spelled in open_words if spelled.word.start < window.edge],
            words,
            surer=self._settings.final_surer,
            per_word=self._settings.final_surer_per_word,
        )
        return (*settled, *corrected)

    # --- captions out

    def _interim(self, utterance: Utterance) -> list[Action]:
        """The interim that shows what is new, if interims are wanted and anything is."""
        caption = self._captions.interim(utterance) if self._settings.interims else None
        return [Emit(caption)] if caption else []

    def _final(self, closing: _Closing, words: tuple[SpelledWord, ...]) -> list[Action]:
        """The final, and the point that the session can be resumed from after it."""
        caption = self._captions.final(closing.utterance, words)
        self.restart = Restart(
            position=closing.end,
            next_caption=self._captions.next_caption,
            continuing=_is_cut(closing.endpoint),
            has_text=self._captions.has_text,
            speaker_power=closing.speaker_power,
        )
        return [Emit(caption, self.restart)] if caption else []


def _is_cut(endpoint: Endpoint) -> bool:
    """Whether speech goes on right there."""
    return endpoint.reason is EndpointReason.MAX_LENGTH


def _why_invented(flight: _InFlight, hypothesis: Hypothesis) -> str:
    """Why the answer to a decode must not be shown; empty when it may."""
    speech = flight.window.speech_frames * MEL_HOP
    return invented(hypothesis, speech=speech, voiced=flight.utterance.voiced)
