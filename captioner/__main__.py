"""``python -m captioner`` is the ``captioner`` program."""

from __future__ import annotations

from captioner.cli import main

if __name__ == "__main__":
    main()
