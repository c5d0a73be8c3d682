"""What the systems transcribe: data sets of ``recordings.py`` as files, and a long recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from offline_systems import write_wav
from recordings import Recording, Take, join, load_recordings, make_takes, trim

from captioner.audio.files import read_file
from captioner.errors import InvalidRequest
from captioner.transcript import SAMPLE_RATE

LONG = "long"
LONG_OF = (("monologues", 5), ("meeting", 3))  # tracks of each: 13 min, of which 6 are speech
QUICK_FILES = 2
QUICK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class DataSet:
    """Files, and what is said in them."""

    name: str
    recordings: tuple[Recording, ...]
    seconds: float
    """Of audio, in all."""

    @property
    def files(self) -> list[Path]:
        """Those of its recordings, in order."""
        return [recording.file for recording in self.recordings]


def load_data(name: str, folder: Path, *, quick: bool = False) -> DataSet:
    """A data set of ``examples/audio``, the folder of that path, or ``long``.

    That is one recording: monologues, then the tracks of the meeting, one after the other.

    Args:
        name: of the data set.
        folder: where recordings that are put together may be written.
        quick: only its first files, or seconds.

    Raises:
        InvalidRequest: there is no such data set, or two of its files would have one name.
        UnsupportedAudio: one of its files is no recording.
    """
    if name == LONG:
        return put_together(name, folder, seconds=QUICK_SECONDS if quick else None)
    recordings = load_recordings(name)
    if quick:
        recordings = recordings[:QUICK_FILES]
    stems = [recording.file.stem for recording in recordings]
    if len(set(stems)) < len(stems):
        raise InvalidRequest(f"two files of {name} have one name: transcripts are told apart by it")
    samples = sum(len(read_file(recording.file)) for recording in recordings)
    return DataSet(Path(name).name, tuple(recordings), samples / SAMPLE_RATE)


def put_together(name: str, folder: Path, *, seconds: float | None = None) -> DataSet:
    """One recording of monologues and tracks of the meeting, or its first seconds."""
    takes: Sequence[Take] = [take for data, tracks in LONG_OF for take in make_takes(data, tracks)]
    take = join(takes)
    if seconds is not None:
        take = trim(take, seconds)
    file = folder / f"{name}.wav"
    write_wav(file, take.audio)
    return DataSet(name, (Recording(name, file, take.words),), take.seconds)
