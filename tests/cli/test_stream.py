from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from cli_program import Program, Running, WriteWav
from click.testing import CliRunner

from captioner.cli.exits import ExitCode
from captioner.cli.root import captioner
from captioner.cli.stream import speaker_names
from captioner.errors import ResourceExhausted, Unauthenticated


async def test_files_are_captioned_and_saved(
    program: Program, running: Running, write_wav: WriteWav, tmp_path: Path
) -> None:
    one, two = write_wav("one.wav", [1, 2, 0, 3]), write_wav("two.wav", [0, 0, 4])
    ran = await program(
        "stream", one, two, "--speaker", "Claire", "--server", running.address,
        "--save", "out.json", "--save", "out.vtt",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert sorted(ran.out.splitlines()[1:]) == [
        "[00:00] Claire: m1 m2",
        "[00:00] Claire: m3",
        "[00:00] Two: m4",
    ]
    assert ran.out.splitlines()[0].startswith("Captions are generated automatically by echo")
    assert "2 tracks, 00:00 played, 3 captions, 4 words" in ran.err
    saved = json.loads((tmp_path / "out.json").read_text())
    assert [(row["speaker"], row["text"], row["start"]) for row in saved["segments"]] == [
        ("Claire", "m1 m2", 0.0),
        ("Two", "m4", 0.2),
        ("Claire", "m3", 0.3),
    ]
    assert saved["metadata"]["model"]["name"] == "echo"
    assert "<v Claire>" in (tmp_path / "out.vtt").read_text()


async def test_the_server_is_told_what_was_asked_for(
    program: Program, running: Running, write_wav: WriteWav
) -> None:
    ran = await program(
        "stream", write_wav("one.wav", [1]), "--server", running.address, "--room", "conseil",
        "--mode", "append-only", "--language", "en", "--key-term", "DINUM", "--key-term", "ANCT",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    config = running.service.opened[0].config
    assert (config.room, config.language, config.mode.value) == ("conseil", "en", "append-only")
    assert config.key_terms == ("DINUM", "ANCT")
    assert (config.track, config.speaker_name) == ("1-one", "One")


async def test_tracks_of_one_run_share_a_room(
    program: Program, running: Running, write_wav: WriteWav
) -> None:
    files = [write_wav(name, [1]) for name in ("a.wav", "b.wav")]
    await program("stream", *files, "--server", running.address)
    rooms = {session.config.room for session in running.service.opened}
    assert len(rooms) == 1
    assert rooms.pop().startswith("captioner-")


async def test_a_part_is_played_and_keeps_its_place_in_the_recording(
    program: Program, running: Running, write_wav: WriteWav, tmp_path: Path
) -> None:
    path = write_wav("one.wav", [1, 2, 3, 4, 5])
    ran = await program(
        "stream", path, "--start-at", "0.2", "--duration", "0.2",
        "--server", running.address, "--save", "out.json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (row,) = json.loads((tmp_path / "out.json").read_text())["segments"]
    assert (row["text"], row["start"], row["end"]) == ("m3 m4", 0.2, 0.4)


async def test_ctrl_c_keeps_what_was_said_and_ends_with_130(
    program: Program, running: Running, write_wav: WriteWav, tmp_path: Path
) -> None:
    path = write_wav("one.wav", [1, 0, *[2] * 600])
    ran = await program(
        "stream", path, "--server", running.address, "--save", "out.txt",
        interrupt=lambda out: "m1" in out,
    )  # fmt: skip
    assert ran.code == ExitCode.INTERRUPTED
    assert "Traceback" not in ran.err
    assert "m1" in (tmp_path / "out.txt").read_text()
    assert "saved out.txt" in ran.err


async def test_a_recording_that_is_cut_off_ends_its_track_and_fails(
    program: Program, running: Running, write_wav: WriteWav, recordings: Path, tmp_path: Path
) -> None:
    whole = (recordings / "sentences" / "000.flac").read_bytes()
    bad = tmp_path / "bad.flac"
    bad.write_bytes(whole[: len(whole) // 2])
    ran = await program("stream", bad, write_wav("good.wav", [7]), "--server", running.address)
    assert ran.code == ExitCode.FAILED
    assert "Good: m7" in ran.out
    last = ran.err.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "bad.flac" in last


async def test_a_file_that_is_no_recording_fails_before_anything_is_sent(
    program: Program, running: Running, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no")
    ran = await program("stream", bad, "--server", running.address)
    assert ran.code == ExitCode.FAILED
    assert len(ran.err.splitlines()) == 1
    assert "bad.wav" in ran.err
    assert running.service.opened == []


async def test_a_server_that_is_not_there_is_one_line(
    program: Program, write_wav: WriteWav
) -> None:
    ran = await program("stream", write_wav("one.wav", [1]), "--server", "127.0.0.1:1")
    assert ran.code == ExitCode.UNREACHABLE
    (line,) = ran.err.splitlines()
    assert line.startswith("Error: no server answers at 127.0.0.1:1: start one with")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ResourceExhausted("1000 sessions are attached, the limit is 1000"), ExitCode.FULL),
        (Unauthenticated("no token"), ExitCode.REFUSED),
    ],
)
async def test_a_server_that_refuses_is_one_line(
    program: Program, running: Running, write_wav: WriteWav, error: Exception, code: ExitCode
) -> None:
    running.service.open_error = error
    ran = await program("stream", write_wav("one.wav", [1]), "--server", running.address)
    assert ran.code == code
    assert ran.err == f"Error: {error}\n"


def test_more_speakers_than_files_is_wrong_usage() -> None:
    with pytest.raises(click.UsageError, match="2 speakers for 1 files"):
        speaker_names([Path("a.wav")], ["A", "B"])


def test_speakers_are_named_after_their_files_and_told_apart() -> None:
    files = [Path("x/anne_martin.wav"), Path("y/anne_martin.wav"), Path("b.wav")]
    assert speaker_names(files, []) == ["Anne Martin 1", "Anne Martin 2", "B"]
    assert speaker_names(files, ["Moi"]) == ["Moi", "Anne Martin", "B"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["missing.wav"],
        ["{wav}", "--save", "a.doc"],
        ["{wav}", "--save", "nowhere/a.vtt"],
        ["{wav}", "--start-at", "-1"],
        ["{wav}", "--duration", "0"],
        ["{wav}", "--speed", "0.05"],
        ["{wav}", "--speed", "5"],
        ["{wav}", "--mode", "other"],
        ["{wav}", "--speaker", "A", "--speaker", "B"],
    ],
)
def test_wrong_usage_is_found_before_anything_starts(
    write_wav: WriteWav, arguments: list[str]
) -> None:
    wav = str(write_wav("one.wav", [1]))
    result = CliRunner().invoke(captioner, ["stream", *(a.format(wav=wav) for a in arguments)])
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
