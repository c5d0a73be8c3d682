"""What the tracks of a benchmark say: recordings with their true words, made into takes.

A data set is a folder of ``examples/audio``, or any folder with audio and a ``truth.json``: a list
of tracks, or an object of them by name, each with ``file`` and one of ``words`` (``word``,
``start``, ``end``), ``utterances`` (that have ``words`` each) or ``text`` alone, which gives error
rates but no latencies. ``noise`` has no truth: nothing is said in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby
from pathlib import Path
from typing import Any

from captioner.audio.files import decode_file
from captioner.cli.playback import to_linear16
from captioner.errors import InvalidRequest
from captioner.evaluation.truth import TimedWord, read_truth
from captioner.transcript import SAMPLE_RATE

AUDIO = Path(__file__).resolve().parents[1] / "examples" / "audio"
SPEECHLESS = "noise"
SENTENCES = "sentences"
SENTENCE_PAUSE = 1.0  # seconds between two sentences of one voice
SAMPLE_BYTES = 2
UNTIMED = math.nan


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, in seconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A file and what is said in it."""

    name: str
    file: Path
    words: tuple[TimedWord, ...]
    """Their times are NaN when only the text is known."""
    utterances: tuple[Span, ...] = ()
    """Where the true utterances are, when the truth tells them apart."""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Take:
    """What one track plays, and what is said in it."""

    name: str
    audio: bytes
    """LINEAR16, 16 kHz, mono."""
    words: tuple[TimedWord, ...]
    utterances: tuple[Span, ...] = ()
    complete: bool = True
    """False when the text is known, but not which part of it was played."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.audio) / SAMPLE_BYTES / SAMPLE_RATE

    @property
    def timed(self) -> bool:
        """Whether the times of its words are known: latencies can be measured."""
        return all(not math.isnan(word.end) for word in self.words)


def load_recordings(data: str) -> list[Recording]:
    """The recordings of a data set of ``examples/audio``, or of the folder of that path.

    Raises:
        InvalidRequest: there is no such data set, or its truth cannot be read.
    """
    folder = AUDIO / data if (AUDIO / data).is_dir() else Path(data)
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in AUDIO.iterdir() if path.is_dir()))
        raise InvalidRequest(f"{data} is neither a folder nor one of {known}")
    if folder.name == SPEECHLESS and not (folder / "truth.json").exists():
        files = sorted(folder.glob("*.flac"))
        return [Recording(file.stem, file, words=()) for file in files]
    return list(_with_truth(folder))


def _with_truth(folder: Path) -> Iterator[Recording]:
    path = folder / "truth.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tracks = content.values() if isinstance(content, dict) else content
        for track in tracks:
            file = folder / track["file"]
            utterances = tuple(
                Span(float(part["start"]), float(part["end"]))
                for part in track.get("utterances", ())
            )
            yield Recording(file.stem, file, _words(track), utterances, str(track.get("voice", "")))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidRequest(f"{path} tells no truth: {error!r}") from None


def _words(track: Mapping[str, Any]) -> tuple[TimedWord, ...]:
    if "words" in track or "utterances" in track:
        return read_truth(track)
    return tuple(TimedWord(word, UNTIMED, UNTIMED) for word in str(track["text"]).split())


def make_takes(data: str, tracks: int, *, duration: float | None = None) -> list[Take]:
    """What each of so many tracks plays, drawn in turn from a data set.

    Sentences of one voice follow each other in one take. With a ``duration``, each take lasts that
    long at most, cut between two words; a recording that is shorter is followed by the next ones.

    Args:
        data: A data set or folder, see ``load_recordings``.
        tracks: 0 for as many as the data set has.
        duration: Seconds; None for one recording, whole.

    Raises:
        InvalidRequest: the data set cannot be read.
        UnsupportedAudio: one of its files is no recording.
    """
    recordings = load_recordings(data)
    sources = [_take(recording) for recording in recordings]
    if Path(data).name == SENTENCES:
        sources = list(_by_voice(recordings, sources))
    return [_fill(sources, index, duration=duration) for index in range(tracks or len(sources))]


def _take(recording: Recording) -> Take:
    audio = b"".join(to_linear16(block) for block in decode_file(recording.file))
    return Take(recording.name, audio, recording.words, recording.utterances)


def _by_voice(recordings: Sequence[Recording], takes: Sequence[Take]) -> Iterator[Take]:
    order = sorted(range(len(takes)), key=lambda index: recordings[index].voice)
    for voice, group in groupby(order, key=lambda index: recordings[index].voice):
        yield replace(join([takes[index] for index in group], pause=SENTENCE_PAUSE), name=voice)


def _fill(sources: Sequence[Take], first: int, *, duration: float | None) -> Take:
    take = sources[first % len(sources)]
    if duration is None:
        return take
    for index in count(first + 1):
        if take.seconds >= duration:
            break
        take = join([take, sources[index % len(sources)]])
    return trim(take, duration)


def join(takes: Sequence[Take], *, pause: float = 0.0) -> Take:
    """One take after the other, with silence between them."""
    audio = bytearray()
    words: list[TimedWord] = []
    utterances: list[Span] = []
    for take in takes:
        if audio:
            audio += bytes(round(pause * SAMPLE_RATE) * SAMPLE_BYTES)
        shift = len(audio) / SAMPLE_BYTES / SAMPLE_RATE
        words += [TimedWord(w.text, w.start + shift, w.end + shift) for w in take.words]
        spans = take.utterances or (Span(0.0, take.seconds),)
        utterances += [Span(span.start + shift, span.end + shift) for span in spans]
        audio += take.audio
    name = "+".join(dict.fromkeys(take.name for take in takes))
    complete = all(take.complete for take in takes)
    return Take(name, bytes(audio), tuple(words), tuple(utterances), complete)


def trim(take: Take, duration: float) -> Take:
    """The first seconds of a take: without the word that is said at its end, if one is."""
    if take.seconds <= duration:
        return take
    if not take.timed:
        return replace(take, audio=take.audio[: _bytes(duration)], complete=False)
    kept = tuple(word for word in take.words if word.end <= duration)
    end = duration
    if len(kept) < len(take.words) and (following := take.words[len(kept)]).start < duration:
        before = kept[-1].end if kept else 0.0
        end = (before + following.start) / 2
    spans = (Span(span.start, min(span.end, end)) for span in take.utterances)
    utterances = tuple(span for span in spans if span.start < span.end)
    return replace(take, audio=take.audio[: _bytes(end)], words=kept, utterances=utterances)


def _bytes(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE) * SAMPLE_BYTES
