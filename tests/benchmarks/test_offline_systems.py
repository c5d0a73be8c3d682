from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from offline_data import load_data
from offline_meter import TreeMeter
from offline_systems import COMMAND, CommandLine, Worker, peer_python, versions, write_wav
from offline_worker import BATCHED, SCRIPTED, Task
from recordings import AUDIO

from captioner.cli.exits import Failed
from captioner.config import Settings
from captioner.errors import InvalidRequest

TASK = Task(COMMAND, "modèle", 2, "fr", 5, "int8", batch_size=8)
FAKE = """\
#!{python}
import json, pathlib, sys
arguments = sys.argv[1:]
first = next(i for i, each in enumerate(arguments) if each.startswith("--"))
options = dict(zip(arguments[first::2], arguments[first + 1 :: 2]))
{body}
for name in arguments[:first]:
    words = [{{"word": " " + name[-8:], "start": 0.5, "end": 1.0}}]
    timed = options["--word_timestamps"] == "True"
    segment = {{"text": " Oui.", "words": words if timed else None}}
    target = pathlib.Path(options["--output_dir"], pathlib.Path(name).stem + ".json")
    target.write_text(json.dumps({{"segments": [segment, segment]}}))
"""


def fake_command(folder: Path, body: str = "") -> Path:
    """A Python beside a command that transcribes nothing."""
    command = folder / COMMAND
    command.write_text(FAKE.format(python=sys.executable, body=body), encoding="utf-8")
    command.chmod(0o755)
    return folder / "python"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("aa.wav", "bb.wav")]
    for path in paths:
        write_wav(path, bytes(32_000))
    return paths


def test_the_command_is_told_all_that_the_others_are(tmp_path: Path) -> None:
    system = CommandLine(TASK, fake_command(tmp_path))
    options = system.options("dossier")
    told = dict(zip(options[::2], options[1::2], strict=True))
    assert told["--batched"] == "True"
    assert told["--model_directory"] == "modèle"
    assert (told["--threads"], told["--beam_size"], told["--batch_size"]) == ("2", "5", "8")


def test_the_command_transcribes_all_files_in_one_call(tmp_path: Path, files: list[Path]) -> None:
    system = CommandLine(TASK, fake_command(tmp_path))
    answer = system.transcribe(files)
    assert [it.text for it in answer.transcripts] == ["Oui. Oui."] * 2
    assert [it.words[0][0][-6:] for it in answer.transcripts] == ["aa.wav", "bb.wav"]
    assert answer.seconds > 0
    assert answer.loading > 0
    assert answer.usage.peak_memory > 0


def test_a_command_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="ended with 3: plus de place"):
        CommandLine(TASK, fake_command(tmp_path, "sys.stderr.write('plus de place'); sys.exit(3)"))


def test_a_command_that_writes_nothing_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="wrote nothing: illisible"):
        CommandLine(TASK, fake_command(tmp_path, "print('illisible'); sys.exit(0)"))


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be run"):
        CommandLine(TASK, tmp_path / "python")


def test_an_environment_that_has_the_command_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    fake_command(tmp_path / "bin")
    assert peer_python(tmp_path) == tmp_path / "bin" / "python"


def test_the_versions_of_an_environment_without_the_command_are_not_known() -> None:
    assert "faster-whisper" in versions(None)
    with pytest.raises(Failed, match="has no whisper-ctranslate2"):
        versions(Path(sys.executable))


def test_a_worker_that_does_not_load_is_quoted(tmp_path: Path) -> None:
    task = Task(BATCHED, str(tmp_path / "nulle-part"), 1, "fr", 1, "int8", batch_size=1)
    with pytest.raises(Failed, match=r"(?s)a worker did not answer: .*nulle-part"):
        Worker(task)


def test_a_worker_answers_request_after_request() -> None:
    files = [AUDIO / "sentences" / name for name in ("000.flac", "001.flac")]
    task = Task(SCRIPTED, "", 1, "fr", 1, "int8", settings=Settings().model_dump_json())
    with closing(Worker(task)) as worker:
        first = worker.transcribe(files)
        second = worker.transcribe(files[:1])
    assert len(first.transcripts) == 2
    assert first.transcripts[0] == second.transcripts[0]
    assert first.transcripts[0].text.startswith("mot0 mot1")
    assert first.profile["rows"] == 2
    assert first.usage.peak_memory > 0


def test_a_worker_says_which_file_cannot_be_read(tmp_path: Path) -> None:
    task = Task(SCRIPTED, "", 1, "fr", 1, "int8", settings=Settings().model_dump_json())
    (tmp_path / "vide.wav").touch()
    with closing(Worker(task)) as worker, pytest.raises(Failed, match=r"vide\.wav"):
        worker.transcribe([tmp_path / "vide.wav"])


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[str]]:
    """A process whose child uses 0.3 s of CPU and 64 MiB each time a line comes."""
    child = "import time; b = bytearray(b'x') * 2**26\nwhile time.process_time() < 0.3: pass"
    code = (
        "import subprocess, sys\n"
        f"for _ in sys.stdin: subprocess.run([sys.executable, '-c', {child!r}]); print(flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def test_the_meter_counts_children_that_have_ended(burner: subprocess.Popen[str]) -> None:
    assert burner.stdin is not None
    assert burner.stdout is not None
    with TreeMeter(burner.pid) as meter:
        print(file=burner.stdin, flush=True)
        burner.stdout.readline()
    assert meter.usage.cpu >= 0.29
    assert meter.usage.wall >= 0.29


def test_the_meter_looks_at_the_memory_at_once() -> None:
    with TreeMeter(os.getpid()) as meter:
        pass
    begin = time.monotonic()
    assert meter.usage.peak_memory > 10
    assert meter.usage.wall <= begin


def test_the_long_recording_is_monologues_and_meeting(tmp_path: Path) -> None:
    data = load_data("long", tmp_path)
    assert data.seconds > 600
    (recording,) = data.recordings
    with wave.open(str(recording.file)) as file:
        assert file.getnframes() == pytest.approx(data.seconds * 16_000)
    assert recording.words[-1].end < data.seconds
    starts = [word.start for word in recording.words]
    assert starts == sorted(starts)


def test_a_first_look_has_few_files(tmp_path: Path) -> None:
    assert len(load_data("sentences", tmp_path, quick=True).files) == 2
    assert load_data("long", tmp_path, quick=True).seconds <= 20


def test_two_files_of_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "x.wav", bytes(2))
    truth = [{"file": "a/x.wav", "text": "oui"}, {"file": "b/x.wav", "text": "non"}]
    (tmp_path / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    with pytest.raises(InvalidRequest, match="have one name"):
        load_data(str(tmp_path), tmp_path)
