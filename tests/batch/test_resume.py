from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from batch_fakes import ASKED, recordings_in

from captioner.batch.files import sampled_digest
from captioner.batch.job import Document, Track
from captioner.batch.manifest import Asked, History, Source, State, Written
from captioner.batch.resume import Candidate, Plan, plan
from captioner.batch.shards import SHARD_SECONDS


def planned(
    folder: Path, candidates: list[Candidate], history: History, asked: Asked = ASKED
) -> Plan:
    return plan(candidates, history, asked, folder=folder / "texts", digest_of=sampled_digest)


def candidates_in(folder: Path, *names: str) -> list[Candidate]:
    return [Candidate.of(each) for each in recordings_in(folder, dict.fromkeys(names, "un"))]


def stems(plan_: Plan) -> list[tuple[int, list[str]]]:
    return [(shard.number, [track.path.stem for track in shard.tracks]) for shard in plan_.shards]


def done(folder: Path, history: History, *names: str) -> History:
    """A history in which these documents were written."""
    entries = dict(history.entries)
    (folder / "texts").mkdir(exist_ok=True)
    for name in names:
        (folder / "texts" / f"{name}.txt").write_text("x")
        written = (Written(f"{name}.txt", 1, ""),)
        entries[name] = replace(entries[name], state=State.DONE, outputs=written)
    return replace(history, entries=entries)


def test_the_first_time_everything_is_to_do(tmp_path: Path) -> None:
    first = planned(tmp_path, candidates_in(tmp_path, "a", "b"), History())
    assert stems(first) == [(1, ["a", "b"])]
    assert not first.resumed
    assert first.history.entries["a"].shards == (1,)


def test_an_interrupted_job_does_its_shards_whole(tmp_path: Path) -> None:
    candidates = candidates_in(tmp_path, "a", "b", "c")
    first = planned(tmp_path, candidates, History())
    second = planned(tmp_path, candidates, done(tmp_path, first.history, "a", "b"))
    assert second.shards == first.shards
    assert [each.document.name for each in second.work] == ["c"]
    assert second.resumed


def test_what_was_never_done_is_not_done_again_because_of_other_options(tmp_path: Path) -> None:
    candidates = candidates_in(tmp_path, "a")
    first = planned(tmp_path, candidates, History())
    other = replace(ASKED, language="en")
    assert planned(tmp_path, candidates, first.history, other).changed == ()
    history = done(tmp_path, first.history, "a")
    assert planned(tmp_path, candidates, history, other).changed == ("language",)


def test_shards_in_which_all_is_done_are_not_done_again(tmp_path: Path) -> None:
    candidates = candidates_in(tmp_path, "a", "b")
    long = [replace(each.sources[0], size=int(SHARD_SECONDS * 64_000)) for each in candidates]
    candidates = [
        replace(each, sources=(source,)) for each, source in zip(candidates, long, strict=True)
    ]
    first = planned(tmp_path, candidates, History())
    assert stems(first) == [(1, ["a"]), (2, ["b"])]
    second = planned(tmp_path, candidates, done(tmp_path, first.history, "a"))
    assert stems(second) == [(2, ["b"])]


def test_what_is_new_gets_shards_of_its_own(tmp_path: Path) -> None:
    first = planned(tmp_path, candidates_in(tmp_path, "a", "c"), History())
    history = done(tmp_path, first.history, "a")
    second = planned(tmp_path, candidates_in(tmp_path, "a", "b", "c"), history)
    assert stems(second) == [(1, ["a", "c"]), (2, ["b"])]


def test_after_its_end_a_job_does_only_what_is_missing(tmp_path: Path) -> None:
    candidates = candidates_in(tmp_path, "a", "b")
    first = planned(tmp_path, candidates, History())
    history = replace(done(tmp_path, first.history, "a"), ended=True)
    second = planned(tmp_path, candidates, history)
    assert stems(second) == [(2, ["b"])]
    assert not second.resumed


def test_documents_that_are_not_asked_for_are_remembered(tmp_path: Path) -> None:
    first = planned(tmp_path, candidates_in(tmp_path, "a"), History())
    second = planned(tmp_path, candidates_in(tmp_path, "b"), done(tmp_path, first.history, "a"))
    assert second.history.entries["a"].state is State.DONE
    assert [document.name for document in second.kept] == []


def test_a_record_whose_shards_do_not_fit_is_not_followed(tmp_path: Path) -> None:
    candidates = candidates_in(tmp_path, "a")
    first = planned(tmp_path, candidates, History())
    entry = replace(first.history.entries["a"], shards=(1, 2))
    second = planned(tmp_path, candidates, replace(first.history, entries={"a": entry}))
    assert stems(second) == [(3, ["a"])]


@pytest.mark.parametrize(("size", "seconds"), [(128_000, [1.0, 1.0]), (-1, [0.0, 0.0])])
def test_the_tracks_of_one_file_share_its_estimated_length(size: int, seconds: list[float]) -> None:
    path = Path("a.wav")
    tracks = (Track(path, channel=0), Track(path, channel=1))
    source = Source(str(path), size, 0)
    candidate = Candidate(Document("a", tracks, ()), (source, source))
    assert [extent.seconds for extent in candidate.extents()] == seconds
