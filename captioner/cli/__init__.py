"""The command line: one module per command, imported when the command is."""

from __future__ import annotations

from captioner.cli.root import captioner


def main() -> None:
    """Run the ``captioner`` program; does not return."""
    captioner(prog_name="captioner")


__all__ = ["captioner", "main"]
