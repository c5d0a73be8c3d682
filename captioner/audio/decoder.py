"""Recordings, whatever FFmpeg decodes, to 16 kHz mono in blocks of bounded size.

This runs in a process of its own: see ``files``, which everything else goes through.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream as AudioTrack
from av.error import FFmpegError
from av.packet import Packet

from captioner.audio.container import (
    choose_track,
    declares_duration,
    duration_of,
    open_container,
)
from captioner.audio.headers import missing_wav_bytes
from captioner.audio.media import BLOCK
from captioner.audio.mixer import Mixer
from captioner.audio.pcm import Samples
from captioner.audio.resample import Resampler
from captioner.errors import InvalidRequest, UnsupportedAudio

_TRUNCATED: Final = 0.25  # seconds missing from the declared duration that tell a truncated file
_TRUNCATED_WAV: Final = 4096  # bytes missing: more than writers miscount by
_GAP: Final = 0.1  # seconds between frames that become silence, beyond the jitter of timestamps
_LATEST: Final = 24 * 3600.0  # seconds, beyond which a jump means that the timestamps are wrong
_MIN_RATE: Final = 1_000  # samples a second: nothing that holds speech is lower
_MAX_RATE: Final = 768_000  # samples a second: nothing that is recorded is higher
_MAX_CHANNELS: Final = 32  # the microphone arrays that record more do not end up here
_BATCH: Final = 0.5  # seconds of frames that are mixed at once
_BAD_PACKETS: Final = 8  # in a row, beyond which the file counts as corrupt: about 0.2 s


class Decoder:
    """One audio track of a recording, decoded once from start to end.

    A context manager: leaving it closes the container, and not the file.

    Args:
        file: Seekable, at its start.
        name: What messages call it.
        track: Which of its audio tracks, from 0.
        channel: Which channel of that track, from 0; None mixes them all.

    Raises:
        InvalidRequest: there is no such track or channel.
        UnsupportedAudio: it is empty or no recording.
    """

    def __init__(
        self, file: BinaryIO, name: str, *, track: int = 0, channel: int | None = None
    ) -> None:
        self.name = name
        with ExitStack() as opened:
            self._container = opened.enter_context(open_container(file, name))
            self._track = choose_track(self._container, track, channel=channel, name=name)
            self._opened = opened.pop_all()
        self._track.codec_context.thread_count = 1  # and none is started: the process may not
        self._mixer = Mixer(channel)
        self._missing_bytes = missing_wav_bytes(file)
        self._exact = declares_duration(self._container, self._track, file)
        self.duration = duration_of(self._container, self._track)
        """Seconds that the file says it lasts (for some formats an estimate), if it does."""
        self.damaged = 0
        """Packets so far that could not be decoded and count as silence."""
        self._origin = (self._container.start_time or 0) / 1_000_000  # it counts microseconds
        self._time = 0.0  # seconds from the origin to the end of what was decoded

    @property
    def position(self) -> float:
        """Seconds decoded so far."""
        return self._time

    def blocks(self) -> Iterator[Samples]:
        """Decode the track; holes between its timestamps become silence.

        Yields:
            Blocks of `BLOCK` samples to twice as many, the last one of any length.

        Raises:
            InvalidRequest: the file can no longer be read.
            UnsupportedAudio: it is truncated or corrupt, or holds no audio. What was yielded
                before is good.
        """
        pending: list[Samples] = []
        count = total = 0
        for samples in self._resampled():
            pending.append(samples)
            count += len(samples)
            total += len(samples)
            if count >= BLOCK:
                yield from np.array_split(np.concatenate(pending), count // BLOCK)
                pending, count = [], 0
        if count:
            yield np.concatenate(pending)
        self._check_complete(total)

    def close(self) -> None:
        """Close the container."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _resampled(self) -> Iterator[Samples]:
        resampler: Resampler | None = None
        rate = 0
        for frame_rate, samples in self._decoded():
            if resampler is None or frame_rate != rate:
                if resampler is not None:
                    yield resampler.flush()
                rate = frame_rate
                resampler = Resampler(rate)
            yield resampler.push(samples)
        if resampler is not None:
            yield resampler.flush()

    def _decoded(self) -> Iterator[tuple[int, Samples]]:
        """Yield (rate, mono samples), silence included."""
        mixer = self._mixer
        for frame in self._frames():
            self._check_frame(frame)
            missing = self._missing_before(frame)
            if mixer.seconds and (missing or mixer.seconds >= _BATCH or not mixer.takes(frame)):
                yield mixer.take()
            for seconds in missing:
                yield frame.sample_rate, np.zeros(round(seconds * frame.sample_rate), np.float32)
            self._time += frame.samples / frame.sample_rate
            try:
                mixer.add(frame)
            except MemoryError:
                raise
            except FFmpegError:
                raise self._corrupt(f"its {frame.layout.name} sound cannot be mixed") from None
        if mixer.seconds:
            yield mixer.take()

    def _check_frame(self, frame: AudioFrame) -> None:
        channels = frame.layout.nb_channels
        if not _MIN_RATE <= frame.sample_rate <= _MAX_RATE:
            raise self._corrupt(f"its sample rate is {frame.sample_rate} Hz")
        if not 1 <= channels <= _MAX_CHANNELS:
            raise self._corrupt(f"it has {channels} channels")
        if self._mixer.channel is not None and self._mixer.channel >= channels:
            raise self._corrupt(f"it has no channel {self._mixer.channel} any more")

    def _missing_before(self, frame: AudioFrame) -> Sequence[float]:
        """The seconds that are missing before a frame, in pieces of at most one."""
        if frame.time is None:
            return ()
        time = frame.time - self._origin
        hole = time - self._time
        if hole <= _GAP:
            return ()
        if time > _LATEST:
            raise self._corrupt(f"its timestamps jump to {time:.0f} s")
        self._time = time
        return (*itertools.repeat(1.0, int(hole)), hole - int(hole))

    def _frames(self) -> Iterator[AudioFrame]:
        bad = 0
        for packet in self._packets():
            try:
                frames = self._track.codec_context.decode(packet if packet.size else None)
            except MemoryError:
                raise
            except FFmpegError:
                bad += 1
                self.damaged += 1
                if bad > _BAD_PACKETS:
                    raise self._corrupt(f"{bad} packets in a row cannot be decoded") from None
            else:
                bad = 0
                yield from frames

    def _packets(self) -> Iterator[Packet[AudioTrack]]:
        packets = self._container.demux(self._track)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except MemoryError:
                raise
            except FFmpegError as error:
                raise self._corrupt(f"reading on fails ({error.strerror})") from error
            except OSError as error:
                raise InvalidRequest(
                    f"{self.name} cannot be read beyond {self._time:.1f} s: {error.strerror}"
                ) from error
            yield packet

    def _check_complete(self, total: int) -> None:
        if not total:
            raise UnsupportedAudio(f"{self.name} holds no audio: none of it could be decoded")
        if self._missing_bytes > _TRUNCATED_WAV:
            raise UnsupportedAudio(
                f"{self.name} is truncated: it lacks {self._missing_bytes} of the bytes that it "
                f"declares, and ends after {self._time:.1f} s"
            )
        # Some containers count from where their clock starts, some from zero.
        end = self._origin + self._time
        if self._exact and self.duration and end < self.duration - _TRUNCATED:
            raise UnsupportedAudio(
                f"{self.name} is truncated: it ends after {end:.1f} s of the "
                f"{self.duration:.1f} s that it declares"
            )

    def _corrupt(self, what: str) -> UnsupportedAudio:
        return UnsupportedAudio(f"{self.name} is corrupt at {self._time:.1f} s: {what}")
