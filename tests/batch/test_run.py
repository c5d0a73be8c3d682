from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

import pytest
from batch_fakes import (
    ASKED,
    Interrupted,
    ScriptedExecutor,
    WatcherLog,
    job_of,
    no_probe,
    recordings_in,
    run_job,
    texts_in,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captioner.batch.documents import Wishes, documents_of
from captioner.batch.files import FolderUnusable
from captioner.batch.job import Track
from captioner.batch.lock import FolderInUse, locked
from captioner.batch.manifest import FILE_NAME, JOURNAL_NAME, Manifest, State
from captioner.batch.report import Fate
from captioner.batch.run import plan_job
from captioner.batch.sources import Found
from captioner.errors import EngineFault, InvalidRequest

THREE = {"a": "un deux", "sub/b": "trois", "c": "quatre cinq six"}


def stop_at(name: str) -> Callable[[Track], None]:
    """End the process, as it were, when that recording is next."""

    def stop(track: Track) -> None:
        if track.path.stem == name:
            raise Interrupted

    return stop


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_each_document_is_written_in_its_place(tmp_path: Path) -> None:
    report = await run_job(job_of(tmp_path, recordings_in(tmp_path, THREE)))
    texts = texts_in(tmp_path / "texts")
    assert list(texts) == ["a.txt", "c.txt", "sub/b.txt"]
    assert texts["c.txt"].endswith("quatre\ncinq\nsix\n")
    assert [each.fate for each in report.outcomes] == [Fate.DONE] * 3
    assert report.audio_seconds == 6


async def test_bad_recordings_stop_nobody_and_are_told_once(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {"first": "bad", **THREE, "last": "bad"})
    report = await run_job(job_of(tmp_path, documents))
    assert report.failures == [
        f"{tmp_path}/first.wav is not a recording",
        f"{tmp_path}/last.wav is not a recording",
    ]
    assert list(texts_in(tmp_path / "texts")) == ["a.txt", "c.txt", "sub/b.txt"]


async def test_what_a_recording_says_before_it_breaks_off_is_written_only_on_request(
    tmp_path: Path,
) -> None:
    documents = recordings_in(tmp_path, {"a": "broken un"})
    report = await run_job(job_of(tmp_path, documents))
    assert texts_in(tmp_path / "texts") == {}
    partial = replace(ASKED, keep_partial=True)
    report = await run_job(job_of(tmp_path, documents, asked=partial))
    assert texts_in(tmp_path / "texts")["a.txt"].endswith("broken\nun\n")
    [outcome] = report.outcomes
    assert (outcome.fate, outcome.outputs) == (Fate.FAILED, documents[0].outputs)
    assert "breaks off" in outcome.reason


async def test_asking_for_parts_afterwards_does_only_what_failed(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {**THREE, "x": "broken un"})
    await run_job(job_of(tmp_path, documents))
    watcher, again = WatcherLog(), ScriptedExecutor()
    partial = replace(ASKED, keep_partial=True)
    await run_job(job_of(tmp_path, documents, asked=partial), again, watcher)
    assert [track.path.stem for track in again.worked] == ["x"]
    assert watcher.plans[0].changed == ()
    assert "x.txt" in texts_in(tmp_path / "texts")


async def test_the_tracks_of_a_meeting_become_one_transcript(tmp_path: Path) -> None:
    found = []
    for name, text in (("02_luc", "a c"), ("01_anne", "b")):
        path = tmp_path / f"{name}.wav"
        path.write_text(text)
        found.append(Found(path, PurePath(name)))
    wishes = Wishes(tmp_path / "texts", ("txt",), meeting="budget", offsets={found[1].path: 8_000})
    documents = documents_of(found, wishes, probe=no_probe)
    report = await run_job(job_of(tmp_path, documents))
    text = texts_in(tmp_path / "texts")["budget.txt"]
    assert text.split("\n\n", 1)[1] == "Luc : a\n\nAnne : b\n\nLuc : c\n".replace(" :", "\u00a0:")
    [outcome] = report.outcomes
    assert (outcome.speakers, outcome.seconds, outcome.heard) == (("Luc", "Anne"), 2.0, 3.0)


async def test_a_meeting_with_a_bad_track_fails_unless_a_part_is_enough(tmp_path: Path) -> None:
    found = []
    for name, text in (("luc", "a"), ("anne", "bad")):
        path = tmp_path / f"{name}.wav"
        path.write_text(text)
        found.append(Found(path, PurePath(name)))
    documents = documents_of(
        found, Wishes(tmp_path / "texts", ("txt",), meeting="budget"), probe=no_probe
    )
    report = await run_job(job_of(tmp_path, documents))
    assert report.outcomes[0].fate is Fate.FAILED
    assert texts_in(tmp_path / "texts") == {}
    partial = replace(ASKED, keep_partial=True)
    await run_job(job_of(tmp_path, documents, asked=partial))
    assert "a" in texts_in(tmp_path / "texts")["budget.txt"]


async def test_the_report_has_figures_and_each_document(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {**THREE, "x": "bad"})
    await run_job(job_of(tmp_path, documents, problems=("a folder",)))
    report = json.loads((tmp_path / "texts" / "report.json").read_text())
    assert report["counts"] == {"done": 3, "kept": 0, "failed": 1, "waiting": 0}
    assert report["audio_seconds"] == 6.0
    assert report["model"]["name"] == "scripted"
    assert report["peak_memory_bytes"] > 1_000_000
    assert report["problems"] == ["a folder"]
    assert report["stopped"] is None
    by_name = {each["name"]: each for each in report["documents"]}
    assert by_name["c"]["words"] == 3
    assert by_name["c"]["outputs"] == [str(tmp_path / "texts" / "c.txt")]
    assert by_name["x"]["reason"].endswith("x.wav is not a recording")


async def test_the_watcher_is_told_of_the_plan_the_positions_and_the_ends(tmp_path: Path) -> None:
    watcher = WatcherLog()
    await run_job(job_of(tmp_path, recordings_in(tmp_path, THREE)), watcher=watcher)
    assert len(watcher.plans[0].work) == 3
    assert watcher.moves[-1][0] == 5
    assert [each.document.name for each in watcher.outcomes] == ["a", "sub/b", "c"]


# --- going on


async def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    again = ScriptedExecutor()
    report = await run_job(job_of(tmp_path, documents), again)
    assert again.worked == []
    assert [each.fate for each in report.outcomes] == [Fate.KEPT] * 3
    assert report.outcomes[0].words == 2
    assert report.audio_seconds == 0


async def test_a_recording_that_changed_is_done_again(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    (tmp_path / "c.wav").write_text("sept")
    again = ScriptedExecutor()
    await run_job(job_of(tmp_path, documents), again)
    assert [track.path.stem for track in again.worked] == ["c"]
    assert texts_in(tmp_path / "texts")["c.txt"].endswith("sept\n")


async def test_a_recording_that_was_only_touched_is_not_done_again(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    os.utime(tmp_path / "c.wav", (1, 1))
    again = ScriptedExecutor()
    await run_job(job_of(tmp_path, documents), again)
    assert again.worked == []


async def test_a_recording_that_changed_while_it_was_read_is_done_again(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {"a": "un"})

    def change(track: Track) -> None:
        track.path.write_text("deux")
        os.utime(track.path, (1, 1))

    await run_job(job_of(tmp_path, documents), ScriptedExecutor(change))
    (tmp_path / "a.wav").write_text("trois")
    again = ScriptedExecutor()
    await run_job(job_of(tmp_path, documents), again)
    assert len(again.worked) == 1


async def test_a_transcript_that_is_gone_is_made_again(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    (tmp_path / "texts" / "c.txt").unlink()
    again = ScriptedExecutor()
    await run_job(job_of(tmp_path, documents), again)
    assert [track.path.stem for track in again.worked] == ["c"]


async def test_a_transcript_that_was_corrected_by_hand_stays(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    (tmp_path / "texts" / "c.txt").write_text("corrected")
    await run_job(job_of(tmp_path, documents))
    assert texts_in(tmp_path / "texts")["c.txt"] == "corrected"


async def test_other_options_start_afresh_and_say_so(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    watcher, again = WatcherLog(), ScriptedExecutor()
    other = replace(ASKED, model="small", key_terms=("DINUM",))
    await run_job(job_of(tmp_path, documents, asked=other), again, watcher)
    assert len(again.worked) == 3
    assert watcher.plans[0].changed == ("model", "key terms")


async def test_a_failure_is_tried_again_alone(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {**THREE, "x": "bad"})
    await run_job(job_of(tmp_path, documents))
    (tmp_path / "x.wav").write_text("good")
    again = ScriptedExecutor()
    report = await run_job(job_of(tmp_path, documents), again)
    assert [track.path.stem for track in again.worked] == ["x"]
    assert report.failures == []


async def test_overwriting_does_everything_again(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    again = ScriptedExecutor()
    await run_job(job_of(tmp_path, documents, overwrite=True), again)
    assert len(again.worked) == 3


async def test_existing_files_of_others_are_replaced_or_left(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("mine")
    report = await run_job(job_of(tmp_path, documents, skip_existing=True))
    assert texts_in(tmp_path / "texts")["a.txt"] == "mine"
    assert [each.fate for each in report.outcomes] == [Fate.KEPT, Fate.DONE, Fate.DONE]
    await run_job(job_of(tmp_path, documents))
    assert texts_in(tmp_path / "texts")["a.txt"] != "mine"


async def test_another_format_of_what_is_done_is_made(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {"a": "un"})
    await run_job(job_of(tmp_path, documents))
    also = [replace(documents[0], outputs=(tmp_path / "texts" / "a.vtt",))]
    await run_job(job_of(tmp_path, also))
    assert {"a.txt", "a.vtt"} <= set(names_in(tmp_path / "texts"))


async def test_an_interrupted_job_goes_on_with_its_own_shards(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    first, second, watcher = ScriptedExecutor(stop_at("c")), ScriptedExecutor(), WatcherLog()
    with pytest.raises(Interrupted):
        await run_job(job_of(tmp_path, documents), first)
    stopped = json.loads((tmp_path / "texts" / "report.json").read_text())
    assert stopped["counts"]["waiting"] == 1
    report = await run_job(job_of(tmp_path, documents), second, watcher)
    assert second.shards == first.shards
    assert watcher.plans[0].resumed
    assert [each.fate for each in report.outcomes] == [Fate.KEPT, Fate.KEPT, Fate.DONE]


async def test_a_job_without_record_leaves_none_and_starts_over(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    with pytest.raises(Interrupted):
        await run_job(job_of(tmp_path, documents, resume=False), ScriptedExecutor(stop_at("c")))
    assert names_in(tmp_path / "texts") == ["a.txt", "report.json", "sub"]
    again = ScriptedExecutor()
    await run_job(job_of(tmp_path, documents, resume=False), again)
    assert len(again.worked) == 3


async def test_the_record_goes_when_all_is_done_unless_it_is_kept(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {"a": "un", "b": "bad"})
    await run_job(job_of(tmp_path, documents, keep_record=False, report=None))
    assert names_in(tmp_path / "texts") == [FILE_NAME, "a.txt"]
    (tmp_path / "b.wav").write_text("good")
    await run_job(job_of(tmp_path, documents, keep_record=False, report=None))
    assert names_in(tmp_path / "texts") == ["a.txt", "b.txt"]
    await run_job(job_of(tmp_path, documents, report=None))
    assert names_in(tmp_path / "texts") == [FILE_NAME, "a.txt", "b.txt"]


WORDS = st.lists(st.sampled_from(["un", "deux", "trois"]), min_size=1, max_size=4)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(WORDS, min_size=1, max_size=8),
    stops=st.lists(st.integers(0, 8), max_size=3),
    cut=st.integers(0, 200),
)
async def test_interrupted_anywhere_any_number_of_times_the_result_is_the_same(
    tmp_path: Path, texts: list[list[str]], stops: list[int], cut: int
) -> None:
    shutil.rmtree(tmp_path / "texts", ignore_errors=True)
    documents = recordings_in(tmp_path, {f"r{n}": " ".join(t) for n, t in enumerate(texts)})
    await run_job(job_of(tmp_path, documents))
    expected = texts_in(tmp_path / "texts")
    shutil.rmtree(tmp_path / "texts")
    for stop in stops:
        try:
            await run_job(job_of(tmp_path, documents), ScriptedExecutor(stop_at(f"r{stop}")))
        except Interrupted:
            torn = tmp_path / "texts" / FILE_NAME  # the disk may not have the last bytes
            lines = torn.read_bytes().splitlines(keepends=True)
            fixed = b"".join(lines[:2])
            os.truncate(torn, max(len(fixed), torn.stat().st_size - cut))
    await run_job(job_of(tmp_path, documents))
    assert texts_in(tmp_path / "texts") == expected
    history = Manifest(tmp_path / "texts").read()
    assert {entry.state for entry in history.entries.values()} == {State.DONE}
    assert history.ended


async def test_half_written_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {"a": "un"})
    (tmp_path / "texts").mkdir()
    for name in (".a.txt.123.part", ".other.txt.123.part"):
        (tmp_path / "texts" / name).write_text("half")
    await run_job(job_of(tmp_path, documents, report=None))
    assert names_in(tmp_path / "texts") == [FILE_NAME, ".other.txt.123.part", "a.txt"]


# --- what goes wrong


async def test_two_jobs_in_one_folder_are_refused(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {"a": "un"})
    (tmp_path / "texts").mkdir()
    with locked(tmp_path / "texts"), pytest.raises(FolderInUse, match="another job"):
        await run_job(job_of(tmp_path, documents))
    assert names_in(tmp_path / "texts") == []


async def test_a_foreign_record_is_told_and_left_alone(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, {"a": "un"})
    (tmp_path / "texts").mkdir()
    record = tmp_path / "texts" / FILE_NAME
    record.write_text("something else")
    with pytest.raises(InvalidRequest, match="was not written by this program"):
        await run_job(job_of(tmp_path, documents))
    assert record.read_text() == "something else"


async def test_a_document_that_cannot_be_written_fails_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    documents = recordings_in(tmp_path, THREE)
    (tmp_path / "texts" / "a.txt").mkdir(parents=True)
    report = await run_job(job_of(tmp_path, documents))
    assert [each.fate for each in report.outcomes] == [Fate.FAILED, Fate.DONE, Fate.DONE]
    assert "Is a directory" in report.failures[0]
    assert not list((tmp_path / "texts").glob(".*.part"))


async def test_a_document_too_large_to_be_written_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(_: int) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(os, "fsync", too_large)
    documents = recordings_in(tmp_path, {"a": "un"})
    report = await run_job(job_of(tmp_path, documents, resume=False, report=None))
    assert report.failures == [f"{tmp_path}/a.wav: File too large"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
async def test_a_disk_that_takes_nothing_more_stops_the_job_and_it_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    documents = recordings_in(tmp_path, THREE)

    def fill(track: Track) -> None:
        if track.path.stem == "b":
            monkeypatch.setattr(os, "fsync", full)

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(FolderUnusable, match=os.strerror(number)):
        await run_job(job_of(tmp_path, documents), ScriptedExecutor(fill))
    monkeypatch.undo()
    assert list(texts_in(tmp_path / "texts")) == ["a.txt"]
    report = await run_job(job_of(tmp_path, documents))
    assert [each.fate for each in report.outcomes] == [Fate.KEPT, Fate.DONE, Fate.DONE]


async def test_a_device_that_is_really_full_stops_the_job_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    documents = recordings_in(tmp_path, THREE)

    def divert(track: Track) -> None:
        if track.path.stem == "c":
            (tmp_path / "texts" / f".c.txt.{os.getpid()}.part").symlink_to("/dev/full")

    with pytest.raises(FolderUnusable, match=f"cannot write to {tmp_path}/texts: No space left"):
        await run_job(job_of(tmp_path, documents), ScriptedExecutor(divert))
    names = names_in(tmp_path / "texts")
    assert names == [JOURNAL_NAME, FILE_NAME, "a.txt", "report.json", "sub"]
    report = await run_job(job_of(tmp_path, documents))
    assert [each.fate for each in report.outcomes] == [Fate.KEPT, Fate.KEPT, Fate.DONE]


async def test_an_output_folder_that_vanishes_stops_the_job(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)

    def vanish(track: Track) -> None:
        if track.path.stem == "b":
            shutil.rmtree(tmp_path / "texts")

    with pytest.raises(FolderUnusable, match="is gone"):
        await run_job(job_of(tmp_path, documents, report=None), ScriptedExecutor(vanish))
    assert not (tmp_path / "texts").exists()


async def test_a_recording_that_vanishes_fails_alone(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    (tmp_path / "a.wav").unlink()
    report = await run_job(job_of(tmp_path, documents))
    assert report.failures == [f"{tmp_path}/a.wav cannot be read: No such file or directory"]


async def test_an_executor_that_gives_up_stops_the_job(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)

    def broken(track: Track) -> None:
        raise EngineFault("no engine works any more")

    executor = ScriptedExecutor(broken)
    with pytest.raises(EngineFault):
        await run_job(job_of(tmp_path, documents), executor)
    assert executor.entered == 0
    assert json.loads((tmp_path / "texts" / "report.json").read_text())["stopped"] == (
        "no engine works any more"
    )


async def test_a_job_with_nothing_to_do_loads_no_model(tmp_path: Path) -> None:
    documents = recordings_in(tmp_path, THREE)
    await run_job(job_of(tmp_path, documents))
    report = await run_job(job_of(tmp_path, documents))
    assert report.info is None


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    job = job_of(tmp_path, recordings_in(tmp_path, THREE))
    assert len(plan_job(job).work) == 3
    assert not (tmp_path / "texts").exists()


async def test_no_journal_is_left_behind(tmp_path: Path) -> None:
    await run_job(job_of(tmp_path, recordings_in(tmp_path, THREE)))
    assert JOURNAL_NAME not in names_in(tmp_path / "texts")
