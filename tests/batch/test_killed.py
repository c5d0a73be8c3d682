"""Jobs in processes of their own that are killed in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from batch_fakes import job_of, recordings_in, run_job, texts_in

from captioner.batch.manifest import FILE_NAME, Manifest

ROOT = Path(__file__).resolve().parents[2]
COUNT = 6
PROGRAM = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tests")!r})
from batch_fakes import ScriptedExecutor, job_of, recordings_in, run_job

def wait(track):
    print(track.path.stem, flush=True)
    sys.stdin.readline()

folder = Path(sys.argv[1])
documents = recordings_in(folder, {{f"r{{n}}": "un " * (n + 1) for n in range({COUNT})}})
asyncio.run(run_job(job_of(folder, documents), ScriptedExecutor(wait)))
"""


def run_until(folder: Path, recordings: int) -> None:
    """Run the job, and kill it when so many recordings were begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for begun in range(1, recordings + 1):
            assert process.stdout.readline()
            if begun < recordings:
                process.stdin.write(b"\n")
                process.stdin.flush()
        process.kill()


@pytest.mark.parametrize("kills", [[1], [COUNT], [2, 4, 1]])
async def test_killed_at_any_recording_the_job_goes_on_and_nothing_is_left(
    tmp_path: Path, kills: list[int]
) -> None:
    texts = {f"r{n}": "un " * (n + 1) for n in range(COUNT)}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    await run_job(job_of(whole, recordings_in(whole, texts)))
    done = 0
    for recordings in kills:
        run_until(killed, recordings)
        history = Manifest(killed / "texts").read()
        assert not history.ended
        assert len(texts_in(killed / "texts")) >= done
        done = len(texts_in(killed / "texts"))
    await run_job(job_of(killed, recordings_in(killed, texts)))
    assert texts_in(killed / "texts") == texts_in(whole / "texts")
    names = sorted(path.name for path in (killed / "texts").iterdir())
    assert names == [FILE_NAME, *(f"r{n}.txt" for n in range(COUNT)), "report.json"]
