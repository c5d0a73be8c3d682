"""Recordings: whatever FFmpeg decodes, to 16 kHz mono in blocks of bounded size.

Only bytes of the file that was opened here are read: FFmpeg gets a file object and is barred from
opening anything itself, so that a playlist disguised as a recording cannot make it fetch a
network address or another file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream as AudioTrack
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from captioner.audio.headers import counts_mpeg_frames, first_false_wav_chunk, missing_wav_bytes
from captioner.audio.pcm import Samples
from captioner.audio.resample import Resampler
from captioner.errors import InvalidRequest, UnsupportedAudio
from captioner.transcript import SAMPLE_RATE

BLOCK = SAMPLE_RATE  # samples of a block, at least, but for the last: 1 s
_FORMATS = "aac,aiff,amr,asf,flac,matroska,webm,mov,mp3,mpegts,ogg,wav"
_DECLARED_DURATION = ("aiff", "flac", "matroska", "mov")  # where it is no estimate
_TRUNCATED = 0.25  # seconds missing from the declared duration that tell a truncated file
_TRUNCATED_WAV = 4096  # bytes missing: more than writers miscount by
_GAP = 0.1  # seconds between frames from which silence is put in, beyond the jitter of timestamps
_LATEST = 24 * 3600.0  # seconds, beyond which a jump means that the timestamps are wrong
_MIN_RATE = 1_000  # samples a second: nothing that holds speech is lower
_MAX_RATE = 768_000  # samples a second: nothing that is recorded is higher
_MAX_CHANNELS = 32  # the microphone arrays that record more do not end up here
_BAD_PACKETS = 8  # in a row, beyond which the file counts as corrupt: about 0.2 s


class AudioFile:
    """One audio track of a recording, opened for decoding once from start to end.

    A context manager: leaving it closes what it opened.

    Args:
        source: A path, or a binary file that the caller opened and will close.
        track: Which of its audio tracks, from 0.

    Raises:
        InvalidRequest: the file cannot be opened, or has no such track.
        UnsupportedAudio: it is empty or no recording.
    """

    def __init__(self, source: str | PathLike[str] | BinaryIO, *, track: int = 0) -> None:
        with ExitStack() as opened:
            if isinstance(source, str | PathLike):
                self.name = str(Path(source))
                file: BinaryIO = opened.enter_context(_open_path(Path(source)))
            else:
                name = getattr(source, "name", None)
                self.name = name if isinstance(name, str) else "the recording"
                file = source
            self._container: InputContainer = opened.enter_context(_open_container(file, self.name))
            self._track = _choose_track(self._container, track, self.name)
            self._opened = opened.pop_all()
        kind = self._container.format.name.split(",")[0]
        seekable = file.seekable()
        self._missing_bytes = missing_wav_bytes(file) if kind == "wav" and seekable else 0
        # Of several streams, a container's duration is that of the longest.
        alone = self._track.duration is not None or len(self._container.streams) == 1
        self._exact = (kind in _DECLARED_DURATION and alone) or (
            kind == "mp3" and seekable and counts_mpeg_frames(file)
        )
        self.damaged = 0
        """Packets so far that could not be decoded and count as silence."""
        self._origin = (self._container.start_time or 0) / av.time_base
        self._time = 0.0  # seconds from the origin to the end of what was decoded

    @property
    def duration(self) -> float | None:
        """Seconds that the file says it lasts (for some formats an estimate), if it does."""
        if self._track.duration is not None and self._track.time_base is not None:
            return float(self._track.duration * self._track.time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return None

    def blocks(self) -> Iterator[Samples]:
        """Decode the track; holes between its timestamps become silence.

        Yields:
            Blocks of `BLOCK` samples or somewhat more, the last one of any length.

        Raises:
            UnsupportedAudio: the file is truncated or corrupt, or holds no audio. What was
                yielded before is good.
        """
        pending: list[Samples] = []
        count = total = 0
        for samples in self._resampled():
            pending.append(samples)
            count += len(samples)
            total += len(samples)
            if count >= BLOCK:
                yield np.concatenate(pending)
                pending, count = [], 0
        if count:
            yield np.concatenate(pending)
        self._check_complete(total)

    def close(self) -> None:
        """Close what was opened here."""
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
        mixer = _Mixer()
        for frame in self._frames():
            self._check_frame(frame)
            for seconds in self._silence_before(frame):
                yield frame.sample_rate, np.zeros(round(seconds * frame.sample_rate), np.float32)
            self._time += frame.samples / frame.sample_rate
            try:
                mono = mixer.mix(frame)
            except FFmpegError:
                raise self._corrupt(f"its {frame.layout.name} sound cannot be mixed") from None
            yield frame.sample_rate, mono

    def _check_frame(self, frame: AudioFrame) -> None:
        if not _MIN_RATE <= frame.sample_rate <= _MAX_RATE:
            raise self._corrupt(f"its sample rate is {frame.sample_rate} Hz")
        if not 1 <= frame.layout.nb_channels <= _MAX_CHANNELS:
            raise self._corrupt(f"it has {frame.layout.nb_channels} channels")

    def _silence_before(self, frame: AudioFrame) -> Iterator[float]:
        """Yield the seconds that are missing before a frame, at most one at a time."""
        if frame.time is None:
            return
        time = frame.time - self._origin
        if time - self._time <= _GAP:
            return
        if time > _LATEST:
            raise self._corrupt(f"its timestamps jump to {time:.0f} s")
        while self._time < time:
            seconds = min(time - self._time, 1.0)
            self._time += seconds
            yield seconds

    def _frames(self) -> Iterator[AudioFrame]:
        bad = 0
        for packet in self._packets():
            try:
                frames = self._track.codec_context.decode(packet if packet.size else None)
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
            except (FFmpegError, OSError) as error:
                raise self._corrupt(f"reading on fails ({error.strerror})") from error
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


class _Mixer:
    """Frames of any sample format and layout to mono float32 at their own rate."""

    def __init__(self) -> None:
        self._converter: AudioResampler | None = None
        self._converts: tuple[str, str, int] | None = None

    def mix(self, frame: AudioFrame) -> Samples:
        """Mix one frame down; the format may change from frame to frame."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._converter is None or shape != self._converts:
            # FFmpeg only converts the numbers: its own downmix to float adds 3 dB and may clip.
            # Interleaved, because PyAV reads beyond its memory where there are more than 8 planes.
            self._converter = AudioResampler("flt", frame.layout, frame.sample_rate)
            self._converts = shape
        parts = [part.to_ndarray()[0] for part in self._converter.resample(frame)]
        if not parts:
            return np.empty(0, dtype=np.float32)
        values = np.concatenate(parts).reshape(-1, frame.layout.nb_channels)
        mono: Samples = values.mean(axis=1, dtype=np.float32)
        return np.clip(np.nan_to_num(mono), -1, 1)


def decode_file(source: str | PathLike[str] | BinaryIO, *, track: int = 0) -> Iterator[Samples]:
    """Decode a recording to blocks of about a second, holding no more than that in memory.

    Raises:
        InvalidRequest: the file cannot be opened, or has no such track.
        UnsupportedAudio: it is empty, no recording, truncated or corrupt.
    """
    with AudioFile(source, track=track) as file:
        yield from file.blocks()


def read_file(source: str | PathLike[str] | BinaryIO, *, track: int = 0) -> Samples:
    """Decode a whole recording into memory; raises like `decode_file`."""
    return np.concatenate(list(decode_file(source, track=track)))


def duration(source: str | PathLike[str] | BinaryIO) -> float | None:
    """Tell the seconds a recording says it lasts, or None; raises like `AudioFile`."""
    with AudioFile(source) as file:
        return file.duration


def _open_path(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
        if path.is_file() and path.stat().st_size == 0:
            file.close()
            raise UnsupportedAudio(f"{path} is empty (0 bytes)")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error
    return file


def _open_container(file: BinaryIO, name: str) -> InputContainer:
    false = first_false_wav_chunk(file) if file.seekable() else ""
    if false:
        raise UnsupportedAudio(f"{name} is corrupt: it cannot hold its chunk {false}")
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
    try:
        return av.open(file, mode="r", options=options, metadata_errors="replace")
    except (FFmpegError, EOFError) as error:
        raise UnsupportedAudio(
            f"{name} is not a recording that can be read: it is empty, cut off at its start, "
            "or of another kind"
        ) from error


def _choose_track(container: InputContainer, track: int, name: str) -> AudioTrack:
    tracks = container.streams.audio
    if not tracks:
        raise UnsupportedAudio(f"{name} has no audio track")
    if not 0 <= track < len(tracks):
        raise InvalidRequest(
            f"{name} has {len(tracks)} audio tracks, track {track} does not exist (from 0)",
            field="track",
        )
    chosen = tracks[track]
    # PyAV's types do not say so, but a codec that FFmpeg does not know has no context.
    if getattr(chosen, "codec_context", None) is None:
        raise UnsupportedAudio(f"{name} is written in a codec that is not known")
    return chosen
