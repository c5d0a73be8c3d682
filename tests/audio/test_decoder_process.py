"""The process that decodes, and what becomes of a recording when something becomes of it."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording_kinds import KINDS, write_kind
from synthesis import noise, write_recording

from captioner.audio import decoder_pool, decoder_process
from captioner.audio.decoder_pool import DecoderPool
from captioner.audio.decoder_process import DecoderLimits, DecoderProcess
from captioner.audio.files import BLOCK, MediaReader, open_media, probe, read_file
from captioner.audio.messages import Kind, Request
from captioner.errors import InvalidRequest, ResourceExhausted, Unavailable, UnsupportedAudio


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    made = DecoderPool()
    yield made
    made.close()


@contextlib.contextmanager
def pool_of(limits: DecoderLimits, *, idle: int = 2) -> Iterator[DecoderPool]:
    made = DecoderPool(limits, idle=idle)
    try:
        yield made
    finally:
        made.close()


def flac(seconds: int = 1) -> io.BytesIO:
    file = io.BytesIO()
    write_recording(file, noise(16_000 * seconds), codec="flac", container="flac")
    return io.BytesIO(file.getvalue())


def length_of(file: io.BytesIO, pool: DecoderPool) -> int:
    with open_media(file, pool=pool) as reader:
        return sum(map(len, reader.blocks()))


def pid_of(reader: MediaReader) -> int:
    assert reader._process is not None
    return reader._process.pid


def idle_pid(pool: DecoderPool) -> int:
    """Of the process that the next recording would get."""
    with open_media(flac(), pool=pool) as reader:
        return pid_of(reader)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_what_takes_bytes_apart_is_not_loaded_where_they_are_asked_for() -> None:
    program = (
        "import io, sys\nfrom captioner.audio.files import open_media\n"
        "with open_media(sys.argv[1]) as reader: list(reader.blocks())\n"
        "assert not {'av', 'soxr'} & set(sys.modules)\n"
    )
    file = Path(__file__).parents[2] / "examples" / "audio" / "noise" / "silence.flac"
    subprocess.run([sys.executable, "-c", program, file], check=True, timeout=30)


def test_the_process_knows_no_settings_and_no_secrets(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTIONER_TOKEN", "secret")
    with open_media(flac(), pool=pool) as reader:
        environment = Path(f"/proc/{pid_of(reader)}/environ").read_bytes()
    assert set(environment.rstrip(b"\0").split(b"\0")) == {
        b"LC_ALL=C.UTF-8", b"OPENBLAS_NUM_THREADS=1"
    }  # fmt: skip


def test_the_process_has_one_thread_and_its_own_session(pool: DecoderPool) -> None:
    with open_media(flac(), pool=pool) as reader:
        pid = pid_of(reader)
        assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
        assert os.getsid(pid) == pid


def test_one_process_serves_many_recordings(pool: DecoderPool) -> None:
    first = idle_pid(pool)
    assert length_of(flac(), pool) == 16_000
    assert probe(flac(), pool=pool).format == "flac"
    with pytest.raises(InvalidRequest, match="track 1 does not exist"):
        open_media(flac(), pool=pool, track=1)
    assert idle_pid(pool) == first


def test_a_process_is_replaced_after_so_many_recordings() -> None:
    with pool_of(DecoderLimits(files=3)) as pool:
        pids = [idle_pid(pool) for _ in range(6)]
    assert pids == [pids[0]] * 3 + [pids[3]] * 3
    assert pids[0] != pids[3]
    assert gone(pids[0])


def test_a_process_that_met_bad_bytes_is_not_used_again(pool: DecoderPool) -> None:
    first = idle_pid(pool)
    with pytest.raises(UnsupportedAudio):
        read_bad(pool)
    assert gone(first)
    assert length_of(flac(), pool) == 16_000


def read_bad(pool: DecoderPool) -> None:
    with open_media(io.BytesIO(flac(4).getvalue()[:50_000]), pool=pool) as reader:
        list(reader.blocks())


def test_a_process_in_the_middle_of_a_recording_is_not_used_again(pool: DecoderPool) -> None:
    with open_media(flac(60), pool=pool) as reader:
        first = pid_of(reader)
        next(reader.blocks())
    assert gone(first)
    assert length_of(flac(), pool) == 16_000


def test_an_idle_process_that_was_killed_is_replaced(pool: DecoderPool) -> None:
    first = idle_pid(pool)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert length_of(flac(), pool) == 16_000
    assert gone(first)


def test_recordings_are_read_side_by_side(pool: DecoderPool) -> None:
    with contextlib.ExitStack() as opened:
        readers = [opened.enter_context(open_media(flac(3), pool=pool)) for _ in range(3)]
        blocks = [reader.blocks() for reader in readers]
        counts = [sum(len(next(each)) for _ in range(3)) for each in blocks]
        assert counts == [48_000] * 3
        assert len({pid_of(reader) for reader in readers}) == 3


def test_any_thread_may_read(pool: DecoderPool) -> None:
    lengths: list[int] = []
    threads = [
        threading.Thread(target=lambda: lengths.append(length_of(flac(), pool))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == [16_000] * 4


def test_recordings_that_are_open_at_once_have_a_limit(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_pool, "MAX_PROCESSES", 2)
    with (
        open_media(flac(), pool=pool),
        open_media(flac(), pool=pool),
        pytest.raises(ResourceExhausted, match="2 recordings are being decoded, the limit is 2"),
    ):
        open_media(flac(), pool=pool)
    assert length_of(flac(), pool) == 16_000


def test_a_recording_is_read_once(pool: DecoderPool) -> None:
    with open_media(flac(), pool=pool) as reader:
        list(reader.blocks())
        with pytest.raises(ValueError, match="was read before, or is closed"):
            next(reader.blocks())


def test_idle_processes_end_with_their_pool(pool: DecoderPool) -> None:
    pid = idle_pid(pool)
    pool.close()
    assert gone(pid)
    assert gone(idle_pid(pool))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGKILL, "its decoder was ended by SIGKILL"),
        (signal.SIGSEGV, "its decoder was ended by SIGSEGV"),
        (signal.SIGXCPU, "decoding made no progress for 60 s of processor time"),
    ],
)
def test_a_process_that_dies_is_one_clear_sentence_and_the_next_file_works(
    pool: DecoderPool, number: signal.Signals, reason: str
) -> None:
    with open_media(flac(120), pool=pool) as reader:
        blocks = reader.blocks()
        good = [next(blocks)]
        os.kill(pid_of(reader), number)
        with pytest.raises(
            UnsupportedAudio, match=rf"^the recording cannot be decoded beyond \d+\.\d s: {reason}"
        ):
            good.extend(blocks)
    assert BLOCK <= sum(map(len, good)) < 16_000 * 120
    assert length_of(flac(), pool) == 16_000


def test_a_process_that_hangs_is_killed_and_the_next_file_works() -> None:
    with pool_of(DecoderLimits(patience=0.5)) as pool:
        with open_media(flac(120), pool=pool) as reader:
            pid = pid_of(reader)
            blocks = reader.blocks()
            next(blocks)
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(UnsupportedAudio, match=r"decoding made no progress for 0\.5 s"):
                list(blocks)
        assert gone(pid)
        assert length_of(flac(), pool) == 16_000


def with_a_picture(size: int) -> io.BytesIO:
    """A FLAC file with a cover of so many bytes, which FFmpeg holds in memory."""
    data = flac().getvalue()
    end = 8 + int.from_bytes(data[5:8], "big")  # of its first block
    picture = struct.pack(">II9sIIIIII", 3, 9, b"image/png", 0, 1, 1, 24, 0, size) + bytes(size)
    block = b"\6" + len(picture).to_bytes(3, "big") + picture
    return io.BytesIO(b"fLaC" + bytes([data[4] & 0x7F]) + data[5:end] + block + data[end:])


def test_a_recording_that_takes_too_much_memory_is_given_up_and_the_next_works() -> None:
    with pool_of(DecoderLimits(memory=8 << 20)) as pool:
        assert length_of(with_a_picture(1_000), pool) == 16_000
        with pytest.raises(
            UnsupportedAudio, match="cannot be decoded at all: that takes more than 8 MiB of memory"
        ):
            length_of(with_a_picture(12 << 20), pool)
        assert length_of(flac(), pool) == 16_000


def test_a_recording_that_lasts_too_long_is_given_up() -> None:
    with pool_of(DecoderLimits(longest=2)) as pool:
        assert length_of(flac(2), pool) == 32_000
        with open_media(flac(3), pool=pool) as reader:
            blocks = reader.blocks()
            assert len(next(blocks)) >= BLOCK
            with pytest.raises(UnsupportedAudio, match="lasts more than 2 s, which is the limit"):
                list(blocks)


def test_a_pipe_that_sends_too_much_is_given_up() -> None:
    size = len(flac().getvalue())
    for limit in (size, size - 1):
        with pool_of(DecoderLimits(copied=limit)) as pool:
            if limit == size:
                assert length_of(flac(), pool) == 16_000
            else:
                with pytest.raises(InvalidRequest, match=f"sends more than {limit} bytes"):
                    open_media(flac(), pool=pool)


NONSENSE = [
    pytest.param("os.write(0, bytes([99] * 12))", "answered nonsense", id="unknown"),
    pytest.param("say(Kind.OPENED, b'{')", "answered nonsense", id="no JSON"),
    pytest.param("say(Kind.OPENED)\nsay(Kind.PROBED)", "answered PROBED", id="out of turn"),
    pytest.param("say(Kind.OPENED)\nsay(Kind.BLOCK, b'x')", "block of 1 bytes", id="odd"),
    pytest.param("say(Kind.OPENED)\nsay(Kind.BLOCK)", "block of 0 bytes", id="nothing"),
    pytest.param(
        "say(Kind.OPENED)\nsay(Kind.BLOCK, b'\\xff' * 8)", "is no audio", id="not a number"
    ),
    pytest.param("say(Kind.OPENED)\nsay(Kind.BLOCK, b'\\0\\0\\0@')", "is no audio", id="too loud"),
    pytest.param("raise SystemExit('trop tard')", "status 1: trop tard", id="ends"),
]


@pytest.mark.parametrize(("answer", "complaint"), NONSENSE)
def test_a_process_that_was_taken_over_can_only_fail(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch, answer: str, complaint: str
) -> None:
    program = (
        "import os, socket, sys; sys.path[:] = sys.argv[3:]\n"
        "from captioner.audio.messages import Kind, Link\n"
        "say = Link(socket.socket(fileno=0)).send; say(Kind.READY)\n"
        f"{answer}\nsys.stdin.read()"
    )
    monkeypatch.setattr(decoder_process, "_PROGRAM", program)
    with pytest.raises(UnsupportedAudio, match=complaint):
        length_of(flac(), pool)


def test_a_process_that_cannot_start_is_not_the_fault_of_the_recording(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_process, "_PROGRAM", "import no_such_module")
    with pytest.raises(Unavailable, match=r"does not start: .* No module named 'no_such_module'"):
        open_media(flac(), pool=pool)


def test_reading_without_a_result_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = "import captioner.audio.decoder_main as it; it._SIGN_OF_LIFE = -1; it.main("
    program = decoder_process._PROGRAM.replace(
        "from captioner.audio.decoder_main import main; main(", often
    )
    monkeypatch.setattr(decoder_process, "_PROGRAM", program)
    path = tmp_path / "a.flac"
    path.write_bytes(flac(20).getvalue())
    process = DecoderProcess(DecoderLimits())
    with path.open("rb") as file:
        assert process.ask(Kind.OPEN, Request("a.flac"), file.fileno()).kind is Kind.OPENED
    process.tell(Kind.GO)
    kinds = [Kind.OPENED]
    while kinds[-1] is not Kind.END:
        kinds.append(process._link.receive().kind)
    process.kill()
    assert {*kinds} == {Kind.OPENED, Kind.BLOCK, Kind.PROGRESS, Kind.END}


PARENT = """
import signal, sys
from captioner.audio.files import open_media
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the shell of the tests ignores
reader = open_media(sys.argv[1])
blocks = reader.blocks()
if sys.argv[2] == "decoding":
    next(blocks)
print(reader._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["idle", "decoding"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_process_ends_with_its_parent(
    tmp_path: Path, state: str, number: signal.Signals
) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(flac(200).getvalue())
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, path, state],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    with parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        os.killpg(parent.pid, number)
        parent.wait()
    poll = select.poll()
    poll.register(child, select.POLLIN)
    assert poll.poll(20_000)  # readable when it has ended
    os.close(child)


def test_an_interrupt_from_the_terminal_is_not_for_the_process(pool: DecoderPool) -> None:
    with open_media(flac(), pool=pool) as reader:
        assert os.getpgid(pid_of(reader)) != os.getpgid(0)


SPOILT = {
    kind.name: write_kind(kind)
    for kind in KINDS
    if kind.name in {"wav 24 bit", "flac", "mp3", "ogg opus", "mp4", "webm", "amr", "caf alac",
                     "mpeg-ts", "wma", "wavpack", "avi", "3gp aac", "mp4 fragmented"}
}  # fmt: skip


# Few: most examples end a process, and starting another costs 0.2 s.
@settings(
    max_examples=settings().max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(sorted(SPOILT)),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12),
    head=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    kept=st.floats(0.05, 1),
)
def test_any_damage_gives_audio_or_one_clear_sentence(
    kind: str, flips: list[tuple[float, int]], head: list[tuple[int, int]], kept: float
) -> None:
    data = bytearray(SPOILT[kind])
    for at, value in flips:
        data[int(at * len(data))] = value
    for position, value in head:
        data[position] = value
    spoilt = io.BytesIO(bytes(data[: int(len(data) * kept)]))
    complaint = ""
    try:
        assert np.abs(read_file(spoilt)).max() <= 1
    except InvalidRequest as error:
        complaint = str(error)
    assert not complaint or complaint.startswith("the recording ")
    assert "status" not in complaint  # no exception that the decoder does not expect


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> list[str]:
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


@pytest.mark.slow
def test_hundreds_of_recordings_leave_nothing_behind(pool: DecoderPool) -> None:
    length_of(flac(), pool)
    before = open_descriptors(), len(children())
    for number in range(200):
        if number % 20 == 0:
            with pytest.raises(UnsupportedAudio):
                read_bad(pool)
        assert length_of(flac(), pool) == 16_000
    assert (open_descriptors(), len(children())) == before


@pytest.mark.slow
def test_ten_hours_are_read_in_the_memory_of_a_minute(pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    silence = np.broadcast_to(np.float32(0), 16_000 * 36_000)
    write_recording(path, silence, codec="flac")
    with open_media(path, pool=pool) as reader:
        blocks, total = reader.blocks(), 0
        for _ in range(60):
            total += len(next(blocks))
        process = Path(f"/proc/{pid_of(reader)}/status")
        after_a_minute = peak(process), peak(Path("/proc/self/status"))
        while total < 16_000 * 35_000:
            total += len(next(blocks))
        now = peak(process), peak(Path("/proc/self/status"))
        total += sum(map(len, blocks))
    assert total == 16_000 * 36_000
    assert now[0] < after_a_minute[0] + 4_096
    assert now[1] < after_a_minute[1] + 4_096


def peak(status: Path) -> int:
    """KiB that were resident at most."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])
