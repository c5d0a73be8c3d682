"""Every setting of the service, each declared once.

A setting comes, in this order, from a command-line flag, the environment
(``CAPTIONER_LISTEN``), the TOML file named by ``--config`` or ``CAPTIONER_CONFIG``, or its default.
Nothing else in the program reads the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from captioner.errors import ConfigError

ENV_PREFIX = "CAPTIONER_"
LOOPBACK = ("127.", "localhost:", "[::1]:", "unix:")


def default_models_dir() -> Path:
    """Where models are kept: ``$XDG_CACHE_HOME/captioner/models``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "captioner" / "models"


def setting(default: Any, group: str, description: str, **limits: Any) -> Any:
    """Declare one setting: its default, the group it is listed under, and what it does."""
    return Field(
        default=default,
        description=description,
        json_schema_extra={"group": group},
        **limits,
    )


class Settings(BaseSettings):
    """Everything an operator can set. Times are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid")

    # --- Server
    listen: str = setting("127.0.0.1:50051", "Server", "Address of the gRPC server, HOST:PORT.")
    http_listen: str = setting(
        "127.0.0.1:8080", "Server", "Address of /metrics, /livez and /readyz; empty for none."
    )
    insecure: bool = setting(
        False, "Server", "Allow an address other than loopback without a token file."
    )
    token_file: Path | None = setting(
        None, "Server", "File of bearer tokens, one a line; clients must send one of them."
    )
    tls_certificate: Path | None = setting(None, "Server", "PEM certificate chain; turns TLS on.")
    tls_key: Path | None = setting(None, "Server", "PEM private key of the certificate.")
    tls_client_ca: Path | None = setting(
        None, "Server", "PEM authorities of client certificates; turns mutual TLS on."
    )
    drain_delay: float = setting(
        0.0, "Server", "How long to stay open, refusing, after SIGTERM.", ge=0, le=300
    )
    drain_timeout: float = setting(
        20.0, "Server", "How long SIGTERM waits for the last finals.", gt=0, le=3600
    )

    # --- Model
    model: str = setting("base", "Model", "Name of an installed model, or its directory.")
    models_dir: Path = Field(
        default_factory=default_models_dir,
        description="Where models are kept.",
        json_schema_extra={"group": "Model"},
    )
    device: Literal["auto", "cpu", "cuda"] = setting("auto", "Model", "Where to compute.")
    compute_type: Literal[
        "auto", "int8", "int8_float32", "int8_float16", "float16", "bfloat16", "float32"
    ] = setting("auto", "Model", "Number format; auto: int8 on CPU, float16 on CUDA.")
    workers: int = setting(
        0, "Model", "Batches computed at once; 0: one a core, one a GPU.", ge=0, le=256
    )
    threads_per_worker: int = setting(1, "Model", "CPU threads of each batch.", ge=1, le=256)
    max_batch: int = setting(
        0, "Model", "Rows in one batch; 0: 8 on CPU, 64 on CUDA.", ge=0, le=512
    )
    engine_timeout: float = setting(
        30.0, "Model", "A batch slower than this counts as hung.", gt=0, le=600
    )

    # --- Captions
    language: str = setting("fr", "Captions", "Language spoken when the client names none.")
    hop: float = setting(0.5, "Captions", "New audio between two interims.", ge=0.1, le=5)
    final_beam_size: int = setting(
        5, "Captions", "Beam width of finals; 1 is greedy.", ge=1, le=10
    )
    final_window: Literal["short", "padded"] = setting(
        "short", "Captions", "Window of finals: the model's rule, or always 30 s."
    )
    endpoint_silence: float = setting(
        0.55, "Captions", "Silence that ends an utterance.", ge=0.2, le=3
    )
    max_utterance: float = setting(
        15.0, "Captions", "Longest utterance before it is cut at a pause.", ge=5, le=28
    )

    # --- Limits
    max_sessions: int = setting(1000, "Limits", "Sessions attached at once.", ge=1, le=100_000)
    max_talking: int = setting(
        0, "Limits", "People talking at once before new sessions are refused; 0: as measured.", ge=0
    )
    config_timeout: float = setting(
        5.0, "Limits", "Time a stream has to send its config.", gt=0, le=60
    )
    idle_timeout: float = setting(
        15.0, "Limits", "Silence on the wire that ends a stream.", gt=0, le=600
    )
    max_burst: float = setting(
        10.0, "Limits", "How far audio may run ahead of real time.", ge=1, le=60
    )
    resume_window: float = setting(
        60.0, "Limits", "How long a lost session can be resumed.", ge=0, le=3600
    )
    max_message_bytes: int = setting(
        65_536, "Limits", "Largest audio message.", ge=4096, le=4_194_304
    )
    max_upload_bytes: int = setting(
        2_000_000_000, "Limits", "Largest recording of a Transcribe call.", ge=65_536
    )

    # --- Logging
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Logging", "Least severe message that is written."
    )
    log_format: Literal["auto", "console", "json"] = setting(
        "auto", "Logging", "auto: console on a terminal, JSON lines elsewhere."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key go together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError("tls_client_ca needs tls_certificate")
        for name in ("listen", "http_listen"):
            address = getattr(self, name)
            exposed = address and not address.startswith(LOOPBACK)
            if exposed and not (self.token_file or self.insecure):
                raise ValueError(
                    f"{name} {address} is not loopback: give token_file, or insecure to do without"
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if path := os.environ.get(ENV_PREFIX + "CONFIG"):
            sources.append(TomlConfigSettingsSource(settings_cls, Path(path)))
        return tuple(sources)


def load_settings(flags: dict[str, Any] | None = None, *, file: Path | None = None) -> Settings:
    """Combine flags, environment, file and defaults.

    Raises:
        ConfigError: naming each setting that is unknown, contradictory or out of range.
    """
    raise NotImplementedError
