"""What the program says of settings that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from captioner.config import load_settings
from captioner.errors import ConfigError


def problems(
    flags: dict[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: dict[str, str] | None = None,
) -> list[str]:
    """The lines of the error that these settings are."""
    with pytest.raises(ConfigError) as caught:
        load_settings(flags, file=file, environ=environ or {})
    return str(caught.value).splitlines()
