"""Every setting of the program, each declared once, in `captioner.config.settings`.

A setting comes, in this order, from a command-line flag (``--hop``), the environment
(``CAPTIONER_HOP``), the TOML file named by ``--config`` or ``CAPTIONER_CONFIG`` (``hop = 0.5``), or
its default. Nothing else in the program reads the environment.
"""

from __future__ import annotations

from captioner.config.loading import Resolved, load_settings, resolve_settings
from captioner.config.naming import CONFIG_VARIABLE, ENV_PREFIX, Source, flag_of, variable_of
from captioner.config.problems import expectation
from captioner.config.settings import Settings
from captioner.config.values import default_models_dir

__all__ = [
    "CONFIG_VARIABLE",
    "ENV_PREFIX",
    "Resolved",
    "Settings",
    "Source",
    "default_models_dir",
    "expectation",
    "flag_of",
    "load_settings",
    "resolve_settings",
    "variable_of",
]
