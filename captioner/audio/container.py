"""Containers opened by FFmpeg: which kinds, which codecs, what they say of their audio tracks.

Only bytes of the file that was opened here are read: FFmpeg gets a file object and is barred from
opening anything itself, so that a playlist disguised as a recording cannot make it fetch a
network address or another file. Pictures are never decoded, not even to look at them.
"""

from __future__ import annotations

from typing import BinaryIO, Final

import av
from av.audio.stream import AudioStream as AudioTrack
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard

from captioner.audio.headers import counts_mpeg_frames, first_false_wav_chunk
from captioner.audio.media import MediaInfo, TrackInfo
from captioner.errors import InvalidRequest, UnsupportedAudio

MAX_TRACKS: Final = 64  # audio tracks that are told of: more than any recording has

# What people really have. Each demuxer and decoder is code that meets bytes from strangers, so
# FFmpeg's hundreds of others stay closed.
_FORMATS = (
    "aac,aiff,amr,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
)
_CODECS = (
    "aac,aac_latm,ac3,adpcm_g722,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,eac3,"
    "flac,g722,gsm,gsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,mp1,mp1float,mp2,"
    "mp2float,mp3,mp3float,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,"
    "pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,"
    "pcm_u8,speex,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
_DECLARED_DURATION = ("aiff", "au", "flac", "flv", "mov", "tta")  # where it is no estimate
_MAX_TEXT = 200  # characters of a title


def open_container(file: BinaryIO, name: str) -> InputContainer:
    """Open a seekable recording, whose bytes are not trusted.

    Raises:
        UnsupportedAudio: it is empty or no recording.
    """
    false = first_false_wav_chunk(file)
    if false:
        raise UnsupportedAudio(f"{name} is corrupt: it cannot hold its chunk {false}")
    options = {
        "format_whitelist": _FORMATS,
        "protocol_whitelist": "none",
        "codec_whitelist": _CODECS,
    }
    try:
        return av.open(file, mode="r", options=options, metadata_errors="replace")
    except MemoryError:
        raise
    except (FFmpegError, EOFError) as error:
        raise UnsupportedAudio(
            f"{name} is not a recording that can be read: it is empty, cut off at its start, "
            "or of another kind"
        ) from error


def choose_track(
    container: InputContainer, track: int, *, channel: int | None, name: str
) -> AudioTrack:
    """Find an audio track; the others will not be read.

    Raises:
        InvalidRequest: there is no such track, or it has no such channel.
        UnsupportedAudio: there is none at all, or its codec is not known.
    """
    tracks = container.streams.audio
    if not tracks:
        raise UnsupportedAudio(f"{name} has no audio track")
    if not 0 <= track < len(tracks):
        raise InvalidRequest(
            f"{name} has {len(tracks)} audio tracks, track {track} does not exist (from 0)",
            field="track",
        )
    chosen = tracks[track]
    if _codec_of(chosen) not in _CODECS.split(","):
        raise UnsupportedAudio(f"{name} is written in a codec that is not known")
    channels = chosen.codec_context.channels
    if channel is not None and not 0 <= channel < channels:
        raise InvalidRequest(
            f"{name} has {channels} channels, channel {channel} does not exist (from 0)",
            field="channel",
        )
    for stream in container.streams:
        if stream is not chosen:
            stream.discard = Discard.all
    return chosen


def describe(container: InputContainer) -> MediaInfo:
    """What the container says of itself and its audio tracks, the first `MAX_TRACKS` of them."""
    tracks = container.streams.audio[:MAX_TRACKS]
    return MediaInfo(
        format=container.format.name,
        duration=duration_of(container),
        tracks=tuple(_describe(index, track) for index, track in enumerate(tracks)),
    )


def duration_of(container: InputContainer, track: AudioTrack | None = None) -> float | None:
    """Seconds that a track, or else the whole, says it lasts (for some formats an estimate)."""
    if track is not None and track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    if container.duration is not None:
        return container.duration / av.time_base
    return None


def declares_duration(container: InputContainer, track: AudioTrack, file: BinaryIO) -> bool:
    """Whether `duration_of` a track is what was written, so that less means truncated."""
    kind = container.format.name.split(",")[0]
    # Of several streams, a container's duration is that of the longest.
    alone = len(container.streams) == 1
    if kind == "mp3":
        return counts_mpeg_frames(file)
    if kind == "matroska":
        # It declares one length. FFmpeg gives the tracks one only where it estimates both.
        return track.duration is None and alone
    return kind in _DECLARED_DURATION and (track.duration is not None or alone)


def _describe(index: int, track: AudioTrack) -> TrackInfo:
    known = _codec_of(track) != ""
    seconds = None
    if track.duration is not None and track.time_base is not None:
        seconds = float(track.duration * track.time_base)
    language = _text(track.metadata.get("language", ""))
    return TrackInfo(
        index=index,
        codec=track.codec_context.codec.canonical_name if known else "",
        channels=track.codec_context.channels if known else 0,
        sample_rate=(track.codec_context.sample_rate or 0) if known else 0,
        language="" if language == "und" else language,
        title=_text(track.metadata.get("title", "")),
        duration=seconds,
    )


def _codec_of(track: AudioTrack) -> str:
    # PyAV's types do not say so, but a codec that FFmpeg does not know has no context.
    context = getattr(track, "codec_context", None)
    return "" if context is None else str(context.codec.name)


def _text(value: str) -> str:
    """Metadata goes to terminals and lists: no control characters, and not a novel."""
    return "".join(character for character in value if character.isprintable())[:_MAX_TEXT].strip()
