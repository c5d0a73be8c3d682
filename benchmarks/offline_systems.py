"""The systems that are compared: how each is started, and what it is told.

The libraries run in a worker each (``offline_worker.py``) that loads the model once and stays.
whisper-ctranslate2 is a command: a process for each run. What that takes on one second of silence
is its loading, and taken away.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import resource
import selectors
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from meter import Usage
from offline_meter import TreeMeter
from offline_worker import Profile, Task, Transcript

import captioner
from captioner.cli.exits import Failed
from captioner.transcript import SAMPLE_RATE

WORKER = Path(__file__).with_name("offline_worker.py")
COMMAND = "whisper-ctranslate2"
VERSIONS = {"faster-whisper": "1.2.1", COMMAND: "0.5.8"}
SAME_AS_OURS = ("av", "ctranslate2", "numpy", "onnxruntime", "tokenizers")
TIMEOUT = 1800.0  # seconds that a run may take
LEAST = 0.01  # seconds of a run so short that loading cannot be told apart from it
LAST_WORDS_TIMEOUT = 10.0  # seconds
LAST_WORDS = 2000  # characters of what a process that failed wrote


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system made of some files."""

    transcripts: tuple[Transcript, ...]
    seconds: float
    """Without loading the model."""
    loading: float
    """What loading takes, in seconds."""
    usage: Usage
    """Without loading, where it can be told apart; its memory is with the model."""
    profile: Profile = field(default_factory=dict)


class System(Protocol):
    """A system, ready to transcribe."""

    def transcribe(self, files: Sequence[Path]) -> Answer:
        """Transcribe files.

        Raises:
            Failed: it did not; with its last words.
        """
        ...

    def close(self) -> None:
        """End its processes."""
        ...


class Worker:
    """A library in a process of its own, its model loaded."""

    def __init__(self, task: Task) -> None:
        """Start it, and wait until it has loaded.

        Raises:
            Failed: it did not.
        """
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker is
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), task.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=offline_environment(),
            text=True,
        )
        try:
            self._loading = float(self._answer()["loading"])
        except BaseException:
            self.close()
            raise

    def transcribe(self, files: Sequence[Path]) -> Answer:
        """Transcribe files with the loaded model."""
        assert self._process.stdin is not None
        with TreeMeter(self._process.pid) as meter:
            self._process.stdin.write(json.dumps([str(file) for file in files]) + "\n")
            self._process.stdin.flush()
            answer = self._answer()
        found = tuple(_transcript(fields) for fields in answer["transcripts"])
        seconds = float(answer["seconds"])
        return Answer(found, seconds, self._loading, meter.usage, answer["profile"])

    def close(self) -> None:
        """End the process, and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # it went away with a request unread
            self._process.stdin.close()
        self._end(TIMEOUT)
        self._process.stdout.close()
        self._log.close()

    def _end(self, timeout: float) -> None:
        """Wait for the end of the process, and kill it when that takes too long."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answer(self) -> dict[str, Any]:
        """The next line that it writes."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(TIMEOUT) else ""
        if not line:
            self._end(LAST_WORDS_TIMEOUT)
            raise Failed(f"a worker did not answer: {last_words(self._log)}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _transcript(fields: dict[str, Any]) -> Transcript:
    words = tuple((str(text), float(start), float(end)) for text, start, end in fields["words"])
    return Transcript(str(fields["text"]), words)


class CommandLine:
    """whisper-ctranslate2: a process for each run, that loads the model first."""

    def __init__(self, task: Task, python: Path, *, repeats: int = 1) -> None:
        """Measure what it takes to load.

        Raises:
            Failed: it cannot be run.
        """
        self._task = task
        self._command = python.with_name(COMMAND)
        with tempfile.TemporaryDirectory() as folder:
            silence = Path(folder) / "silence.wav"
            write_wav(silence, bytes(2 * SAMPLE_RATE))
            runs = [self._run([silence])[0] for _ in range(repeats)]
        self._loading = Usage(
            wall=statistics.median(usage.wall for usage in runs),
            cpu=statistics.median(usage.cpu for usage in runs),
        )

    def transcribe(self, files: Sequence[Path]) -> Answer:
        """Transcribe files by one call of the command."""
        usage, transcripts = self._run(files)
        seconds = max(usage.wall - self._loading.wall, LEAST)
        spent = Usage(seconds, max(usage.cpu - self._loading.cpu, 0.0), usage.peak_memory)
        return Answer(tuple(transcripts), seconds, self._loading.wall, spent)

    def close(self) -> None:
        """Nothing runs any more."""

    def _run(self, files: Sequence[Path]) -> tuple[Usage, list[Transcript]]:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
            arguments = [str(self._command), *map(str, files), *self.options(folder)]
            usage = _metered_run(arguments, log)
            try:
                found = [_read_json(Path(folder) / f"{file.stem}.json") for file in files]
            except OSError:
                raise Failed(f"{COMMAND} wrote nothing: {last_words(log)}") from None
        return usage, found

    def options(self, folder: str) -> list[str]:
        """Its command line, after the files."""
        task = self._task
        options: dict[str, object] = {
            "model_directory": task.model,
            "local_files_only": True,
            "device": "cpu",
            "compute_type": task.compute_type,
            "threads": task.threads,
            "language": task.language,
            "batched": True,
            "batch_size": task.batch_size,
            "beam_size": task.beam_size,
            "word_timestamps": task.word_times,
            "output_format": "json",
            "output_dir": folder,
        }
        return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def _metered_run(arguments: Sequence[str], log: IO[bytes]) -> Usage:
    """Run a command to its end."""
    begin, before = time.monotonic(), _cpu_of_children()
    try:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=offline_environment()
        )
    except OSError as error:
        raise Failed(f"{arguments[0]} cannot be run: {error.strerror}") from None
    with TreeMeter(process.pid) as meter:
        try:
            code = process.wait(TIMEOUT)
        finally:
            process.kill()
            process.wait()
            end = time.monotonic()
    if code:
        raise Failed(f"{arguments[0]} ended with {code}: {last_words(log)}")
    return Usage(end - begin, _cpu_of_children() - before, meter.usage.peak_memory)


def _cpu_of_children() -> float:
    """CPU seconds of the children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _read_json(path: Path) -> Transcript:
    content = json.loads(path.read_text(encoding="utf-8"))
    words = tuple(
        (str(word["word"]).strip(), float(word["start"]), float(word["end"]))
        for segment in content["segments"]
        for word in segment.get("words") or ()
    )
    return Transcript(" ".join(str(it["text"]).strip() for it in content["segments"]), words)


def write_wav(path: Path, audio: bytes) -> None:
    """Write LINEAR16 audio, 16 kHz, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(audio)


def offline_environment() -> dict[str, str]:
    """For processes that must find everything on this machine."""
    return {**os.environ, "HF_HUB_OFFLINE": "1"}


def last_words(log: IO[bytes]) -> str:
    """The end of what a process wrote."""
    log.seek(0)
    return log.read().decode(errors="replace").strip()[-LAST_WORDS:]


def peer_python(folder: Path) -> Path:
    """Python of an environment with the command, made in that folder if it is not there.

    The libraries that do the work have the versions that they have here.

    Raises:
        Failed: it cannot be made.
    """
    python = folder / "bin" / "python"
    if python.with_name(COMMAND).exists():
        return python
    pins = [f"{name}=={version}" for name, version in VERSIONS.items()]
    pins += [f"{name}=={importlib.metadata.version(name)}" for name in SAME_AS_OURS]
    for arguments in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *pins],
    ):
        done = subprocess.run(arguments, capture_output=True, check=False, text=True)
        if done.returncode:
            raise Failed(f"{folder} cannot be made: {done.stderr.strip()[-LAST_WORDS:]}")
    return python


def versions(python: Path | None) -> dict[str, str]:
    """What is compared, and the libraries below, in the environment of the command if it is given.

    Raises:
        Failed: it has no such environment.
    """
    found = {"captioner": captioner.__version__}
    found["faster-whisper"] = importlib.metadata.version("faster-whisper")
    if python is None:
        return found
    names = [*VERSIONS, *SAME_AS_OURS]
    code = f"import importlib.metadata as m; print(*map(m.version, {names}))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, check=False, text=True)
    if done.returncode:
        raise Failed(f"{python} has no {COMMAND}: {done.stderr.strip()[-LAST_WORDS:]}")
    theirs = dict(zip(names, done.stdout.split(), strict=True))
    found[COMMAND] = theirs.pop(COMMAND)
    return found | {f"{name}, of {COMMAND}": version for name, version in theirs.items()}
