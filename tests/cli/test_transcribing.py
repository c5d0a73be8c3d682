from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from batch_fakes import ASKED

from captioner.batch.manifest import Asked
from captioner.cli.transcribing import Request, check, job_of
from captioner.config import Settings
from captioner.errors import InvalidRequest, ModelError
from captioner.models.manifest import shipped_manifests
from captioner.subtitles.profiles import PROFILES

NO_MODEL = Settings(models_dir=Path("/nonexistent"))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("talk.mp3", "meeting/01_claire.flac", "meeting/02_luc.flac"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("x")


def request(*files: str, **changes: object) -> Request:
    return replace(Request(files or ("talk.mp3",), dry_run=True), **changes)  # type: ignore[arg-type]


def outputs(asked: Request) -> list[str]:
    return [str(path) for each in job_of(asked, NO_MODEL).documents for path in each.outputs]


def test_transcripts_come_here_unless_told_otherwise() -> None:
    assert outputs(request()) == ["talk.vtt"]
    assert outputs(request("meeting")) == ["01_claire.vtt", "02_luc.vtt"]
    assert outputs(request(kinds=("srt", "json"), output_dir=Path("texts"))) == [
        "texts/talk.srt",
        "texts/talk.json",
    ]


def test_a_meeting_has_a_speaker_for_each_file_of_its_folder() -> None:
    asked = request("meeting", meeting="budget", speakers=("02_luc.flac=Luc Petit",))
    [document] = job_of(replace(asked, offsets=("02_luc.flac=1.5",)), NO_MODEL).documents
    assert document.name == "budget"
    assert [(track.speaker, track.offset) for track in document.tracks] == [
        ("Claire", 0),
        ("Luc Petit", 24_000),
    ]


def test_standard_input_has_the_name_of_its_file(tmp_path: Path) -> None:
    spooled = tmp_path / "elsewhere" / "camera.1.recording"
    spooled.parent.mkdir()
    spooled.write_text("x")
    job = job_of(request("-", "talk.mp3"), NO_MODEL, standard_input=spooled)
    assert [str(each.outputs[0]) for each in job.documents] == ["camera.1.vtt", "talk.vtt"]


@pytest.mark.parametrize(
    ("changes", "report", "kept"),
    [
        ({}, None, False),
        ({"output_dir": Path("texts")}, Path("texts/report.json"), True),
        ({"report": Path("r.json")}, Path("r.json"), False),
    ],
)
def test_a_folder_for_results_gets_a_report_and_keeps_its_record(
    changes: dict[str, object], report: Path | None, kept: bool
) -> None:
    job = job_of(request(**changes), NO_MODEL)
    assert (job.report, job.keep_record) == (report, kept)


def test_what_changes_the_output_is_remembered() -> None:
    settings = NO_MODEL.model_copy(
        update={"language": "en", "final_beam_size": 2, "final_window": "padded"}
    )
    job = job_of(request(profile="arcom", key_terms=("DINUM",), keep_partial=True), settings)
    assert job.asked == Asked(
        model="base",
        digest="",
        compute_type="auto",
        language="en",
        beam_size=2,
        window="padded",
        key_terms=("DINUM",),
        profile="arcom",
        keep_partial=True,
    )
    assert job.options.key_terms == ("DINUM",)
    assert job.profile is PROFILES["arcom"]


def test_the_model_must_be_there_unless_it_is_not_needed_here(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="captioner models pull base"):
        job_of(request(dry_run=False), NO_MODEL)
    assert job_of(request(dry_run=False, cluster="auto"), NO_MODEL).asked.digest == ""


def test_the_model_is_told_apart_by_its_digest(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "base"
    folder.mkdir(parents=True)
    settings = Settings(models_dir=tmp_path / "models")
    digest = job_of(request(), settings).asked.digest
    assert digest == shipped_manifests()["base"].digest
    assert digest != ASKED.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overwrite": True, "skip_existing": True}, "contradict"),
        ({"name": "talk"}, "--name is for the recording on standard input"),
        ({"files": ("-",), "name": "a/b"}, "--name a/b: expected the name of a file"),
        ({"files": ("-",), "name": ".."}, "--name ..: expected the name of a file"),
        ({"meeting": "a/b"}, "--meeting a/b: expected the name of a file"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    check(request())
    check(request("-", name="talk", meeting="budget"))
    with pytest.raises(InvalidRequest, match=message):
        check(request(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": ("empty",)}, "empty holds no recording"),
        ({"files": ("*.wav",)}, "matches no recording"),
        ({"files": ("talk.mp3", "other/talk.wav")}, "talk.mp3 and other/talk.wav would both"),
        ({"kinds": ("json",), "report": Path("talk.json")}, "the report and talk.mp3 would both"),
        ({"speakers": ("other.mp3=Anne",)}, "--speaker .* is not one of the recordings"),
        ({"speakers": ("Anne",)}, "expected FILE=VALUE"),
        ({"speakers": ("talk.mp3=Anne", "talk.mp3=Luc")}, "2 speakers are named for 1 track"),
        ({"offsets": ("talk.mp3=-1",)}, "from 0 to 604800"),
        ({"offsets": ("talk.mp3=soon",)}, "'soon' is not a number"),
        ({"offsets": ("other.mp3=1",)}, "--offset .* is not one of the recordings"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(
    changes: dict[str, object], message: str
) -> None:
    Path("empty").mkdir()
    with pytest.raises(InvalidRequest, match=message):
        job_of(request(**changes), NO_MODEL)
