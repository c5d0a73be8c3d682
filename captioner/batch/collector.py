"""Collects the tracks of each document, writes it when it has them all, and notes that it did."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from captioner.batch.files import described, sampled_digest, write_below
from captioner.batch.job import Document, Track, TrackFailed, TrackTranscribed
from captioner.batch.manifest import Entry, Source, State, Written
from captioner.batch.record import Record
from captioner.batch.report import Fate, Outcome, speakers_of
from captioner.batch.resume import Plan
from captioner.batch.speakers import Heard, one_transcript
from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.profiles import Profile
from captioner.transcript import SAMPLE_RATE

TrackEnd = TrackTranscribed | TrackFailed


class Collector:
    """The tracks that are over, of documents that are not.

    Args:
        job_plan: the documents that are waited for.
        folder: all outputs are below it.
        provenance: what the outputs say of their origin.
        profile: how they are laid out.
        keep_partial: whether a document is written of which a part is missing.
        record: where each document is noted; None: nowhere.
    """

    def __init__(
        self,
        job_plan: Plan,
        folder: Path,
        *,
        provenance: Provenance,
        profile: Profile,
        keep_partial: bool,
        record: Record | None,
    ) -> None:
        self._folder = folder
        self._provenance = provenance
        self._profile = profile
        self._keep_partial = keep_partial
        self._record = record
        self._entries: Mapping[str, Entry] = job_plan.history.entries
        self._ends: dict[str, dict[Track, TrackEnd]] = {}
        self._documents = {
            track: each.document for each in job_plan.work for track in each.document.tracks
        }

    def take(self, end: TrackEnd) -> tuple[Document, Sequence[TrackEnd]] | None:
        """Take a track; if it was the last of its document, that and all its tracks in order."""
        document = self._documents.get(end.track)
        if document is None:  # its shard is done again for the sake of another
            return None
        ends = self._ends.setdefault(document.name, {})
        ends[end.track] = end
        if len(ends) < len(document.tracks):
            return None
        del self._ends[document.name]
        return document, [ends[track] for track in document.tracks]

    def conclude(self, document: Document, ends: Sequence[TrackEnd]) -> Outcome:
        """Write a document and note it; blocks until the disk has both.

        Raises:
            FolderUnusable: nothing more can be written.
            OSError: the record cannot be written.
        """
        segments = one_transcript([Heard(end.track, end.segments) for end in ends])
        reasons = [end.reason for end in ends if isinstance(end, TrackFailed)]
        outcome = Outcome(
            document,
            Fate.FAILED if reasons else Fate.DONE,
            seconds=max(end.track.offset + samples_of(end) for end in ends) / SAMPLE_RATE,
            heard=sum(samples_of(end) for end in ends) / SAMPLE_RATE,
            words=sum(len(segment.words) for segment in segments),
            speakers=speakers_of([segment.speaker for segment in segments]),
            reason="; ".join(dict.fromkeys(reasons)),
        )
        written: tuple[Written, ...] = ()
        if not reasons or (self._keep_partial and segments):
            try:
                written = self._write(document, segments)
                outcome = replace(outcome, outputs=document.outputs)
            except OSError as error:
                outcome = replace(outcome, fate=Fate.FAILED, reason=described(error))
        self._note(outcome, written)
        return outcome

    def _write(self, document: Document, segments: Sequence[Segment]) -> tuple[Written, ...]:
        written = []
        for output in document.outputs:
            render = FORMATS[output.suffix[1:]].render
            text = render(segments, self._provenance, profile=self._profile)
            write_below(self._folder, output, text)
            data = text.encode()
            path = str(output.relative_to(self._folder))
            written.append(Written(path, len(data), hashlib.sha256(data).hexdigest()))
        return tuple(written)

    def _note(self, outcome: Outcome, written: tuple[Written, ...]) -> None:
        if self._record is None:
            return
        entry = self._entries[outcome.document.name]
        done = outcome.fate is Fate.DONE
        self._record.note(
            replace(
                entry,
                state=State.DONE if done else State.FAILED,
                tracks=tuple(map(with_digest, entry.tracks)) if done else entry.tracks,
                outputs=written,
                seconds=outcome.seconds,
                words=outcome.words,
                speakers=outcome.speakers,
                reason=outcome.reason,
            )
        )


def samples_of(end: TrackEnd) -> int:
    """How long a track is, or how far it could be read."""
    match end:
        case TrackTranscribed():
            return end.duration
        case TrackFailed():
            return end.segments[-1].end if end.segments else 0
        case _:
            assert_never(end)


def with_digest(source: Source) -> Source:
    """A source with its digest; without, where its file has changed since the job began."""
    path = Path(source.path)
    try:
        found = path.stat()
        if (found.st_size, found.st_mtime_ns) != (source.size, source.mtime_ns):
            return source
        return replace(source, digest=sampled_digest(path))
    except OSError:
        return source
