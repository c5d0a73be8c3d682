from __future__ import annotations

from pathlib import Path

from cli_program import Program, Running

from captioner.cli.exits import ExitCode


async def test_a_ready_server_is_healthy(program: Program, running: Running) -> None:
    ran = await program("health", "--server", running.address)
    assert (ran.code, ran.out) == (ExitCode.OK, f"{running.address} is serving\n")


async def test_a_draining_server_is_not(program: Program, running: Running) -> None:
    await running.server.drain()
    ran = await program("health", "--server", running.address)
    assert ran.code == ExitCode.FAILED
    assert ran.err == f"Error: {running.address} is not serving: starting or going away\n"


async def test_a_server_that_is_not_there_is_unreachable(program: Program) -> None:
    ran = await program("health", "--server", "127.0.0.1:1")
    assert ran.code == ExitCode.UNREACHABLE
    assert len(ran.err.splitlines()) == 1


async def test_a_tls_file_that_is_missing_is_a_wrong_setting(
    program: Program, tmp_path: Path
) -> None:
    ran = await program("health", "--server-ca", tmp_path / "none.pem")
    assert ran.code == ExitCode.USAGE
    assert "none.pem" in ran.err
