"""From what people type to the job that they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from captioner.batch.documents import (
    Wishes,
    check_outputs,
    documents_of,
    match_files,
    offset_of,
)
from captioner.batch.job import Document, Options
from captioner.batch.manifest import Asked
from captioner.batch.run import Job
from captioner.batch.sources import Found, list_recordings
from captioner.config import Settings
from captioner.errors import InvalidRequest, ModelError
from captioner.models.store import ModelStore
from captioner.subtitles.profiles import PROFILES

STANDARD = "-"
REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class Request:
    """The options of ``captioner transcribe``, each under its own name."""

    files: tuple[str, ...]
    """As typed: files, folders, patterns, or `STANDARD`."""
    kinds: tuple[str, ...] = ("vtt",)
    profile: str = "web"
    output_dir: Path | None = None
    name: str = ""
    """Of the transcript of standard input."""
    meeting: str = ""
    speakers: tuple[str, ...] = ()
    offsets: tuple[str, ...] = ()
    audio_track: int | None = 0
    """None: all."""
    split_channels: bool = False
    key_terms: tuple[str, ...] = ()
    overwrite: bool = False
    skip_existing: bool = False
    resume: bool = True
    keep_partial: bool = False
    report: Path | None = None
    cluster: str = ""
    dry_run: bool = False
    quiet: bool = False


def check(request: Request) -> None:
    """Refuse options that contradict one another.

    Raises:
        InvalidRequest: saying which.
    """
    if request.overwrite and request.skip_existing:
        raise InvalidRequest("--overwrite and --skip-existing contradict one another")
    if request.name and STANDARD not in request.files:
        raise InvalidRequest("--name is for the recording on standard input: give - as FILE")
    for option, name in (("--name", request.name), ("--meeting", request.meeting)):
        if name and (PurePath(name).name != name or name.startswith(".")):
            raise InvalidRequest(f"{option} {name}: expected the name of a file, without folder")


def job_of(request: Request, settings: Settings, *, standard_input: Path | None = None) -> Job:
    """The job that is meant.

    Args:
        request: what was typed.
        settings: those in force.
        standard_input: where what came through the pipe is, if it was asked for.

    Raises:
        InvalidRequest: there is nothing to transcribe, two documents would be written to one
            file, or an option names what is not there.
        ModelError: the model is not on this machine, where it must be.
    """
    typed = [str(standard_input) if each == STANDARD else each for each in request.files]
    listing = list_recordings(typed)
    folder = request.output_dir or Path()
    report = request.report
    if report is None and request.output_dir is not None:
        report = folder / REPORT
    documents = tuple(_documents(listing.found, request, folder))
    check_outputs(documents, others=[report] if report else [])
    return Job(
        folder=folder,
        documents=documents,
        asked=_asked(request, settings),
        options=Options(key_terms=request.key_terms),
        profile=PROFILES[request.profile],
        resume=request.resume,
        overwrite=request.overwrite,
        skip_existing=request.skip_existing,
        keep_record=request.output_dir is not None,
        report=report,
        problems=listing.problems,
    )


def _documents(found: Sequence[Found], request: Request, folder: Path) -> Iterable[Document]:
    from captioner.audio.files import probe

    speakers: dict[Path, tuple[str, ...]] = {}
    for path, name in match_files(request.speakers, found, option="--speaker"):
        speakers[path] = (*speakers.get(path, ()), name)
    offsets = {
        path: offset_of(seconds, option="--offset")
        for path, seconds in match_files(request.offsets, found, option="--offset")
    }
    wishes = Wishes(
        folder=folder,
        kinds=request.kinds,
        meeting=request.meeting,
        stream=request.audio_track,
        split_channels=request.split_channels,
        speakers=speakers,
        offsets=offsets,
    )
    return documents_of(found, wishes, probe=probe)


def _asked(request: Request, settings: Settings) -> Asked:
    try:
        found = ModelStore(settings.models_dir).find(settings.model, verified=False)
        digest = found.manifest.digest
    except ModelError:
        if not (request.cluster or request.dry_run):
            raise
        digest = ""
    return Asked(
        model=settings.model,
        digest=digest,
        compute_type=settings.compute_type,
        language=settings.language,
        beam_size=settings.final_beam_size,
        window=settings.final_window,
        key_terms=request.key_terms,
        profile=request.profile,
        keep_partial=request.keep_partial,
    )
