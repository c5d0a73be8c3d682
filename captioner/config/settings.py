"""The settings: what each is called, means and may be, and which go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from captioner.config.values import (
    LANGUAGE_TAG,
    Address,
    ComputeType,
    File,
    OptionalAddress,
    OptionalFile,
    Origins,
    default_models_dir,
    host_and_port,
    is_loopback,
)


def setting(
    default: Any,  # noqa: ANN401 - the annotation of the field says what it is
    group: str,
    description: str,
    *,
    metavar: str = "",
    **limits: Any,  # noqa: ANN401 - handed to pydantic
) -> Any:  # noqa: ANN401 - stands for the value of the field
    """Declare one setting: its default, the group it is listed under, and what it does.

    ``metavar`` names its value in help; ``limits`` are those of ``pydantic.Field``. A callable
    default is called when the settings are made.
    """
    kind = "default_factory" if callable(default) else "default"
    return Field(
        **{kind: default},
        description=description,
        json_schema_extra={"group": group, "metavar": metavar},
        **limits,
    )


class Settings(BaseModel):
    """Everything that can be set. Times are seconds unless the name says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # --- Server
    listen: Address = setting(
        "127.0.0.1:50051", "Server", "Address of the gRPC server.", metavar="HOST:PORT"
    )
    http_listen: OptionalAddress = setting(
        "127.0.0.1:8080",
        "Server",
        "Address of the caption page, /v1, /metrics and health; empty for none.",
        metavar="HOST:PORT",
    )
    allowed_origins: Origins = setting(
        "",
        "Server",
        "Other sites whose pages may use this server; * for all.",
        metavar="ORIGINS",
    )
    frame_ancestors: Origins = setting(
        "",
        "Server",
        "Other sites that may show the caption page in a frame; * for all.",
        metavar="ORIGINS",
    )
    insecure: bool = setting(
        default=False,
        group="Server",
        description="Allow an address other than loopback without a token file.",
    )
    token_file: OptionalFile = setting(
        None,
        "Server",
        "File of bearer tokens, one a line: servers accept each, clients send the first.",
    )
    tls_certificate: OptionalFile = setting(None, "Server", "PEM certificate chain; turns TLS on.")
    tls_key: OptionalFile = setting(None, "Server", "PEM private key of the certificate.")
    tls_client_ca: OptionalFile = setting(
        None, "Server", "PEM authorities of client certificates; turns mutual TLS on."
    )
    drain_delay: float = setting(
        0.0, "Server", "How long to stay open, refusing, after SIGTERM.", ge=0, le=300
    )
    drain_timeout: float = setting(
        20.0, "Server", "How long SIGTERM waits for the last finals.", gt=0, le=3600
    )

    # --- Model
    model: str = setting(
        "base", "Model", "Name of an installed model, or its directory.", min_length=1
    )
    models_dir: File = setting(
        default_models_dir, "Model", "Where models are kept.", metavar="DIRECTORY"
    )
    device: Literal["auto", "cpu", "cuda"] = setting("auto", "Model", "Where to compute.")
    compute_type: ComputeType = setting(
        "auto", "Model", "Number format; auto: int8 on CPU, float16 on CUDA."
    )
    workers: int = setting(
        0, "Model", "Batches computed at once; 0: one a core, one a GPU.", ge=0, le=256
    )
    threads_per_worker: int = setting(1, "Model", "CPU threads of each batch.", ge=1, le=256)
    shortlist: bool = setting(
        default=True,
        group="Model",
        description="On CPU, decode the default language with its own part of the vocabulary.",
    )
    max_batch: int = setting(
        0, "Model", "Rows in one batch; 0: 8 on CPU, 64 on CUDA.", ge=0, le=512
    )
    engine_timeout: float = setting(
        30.0, "Model", "A batch slower than this counts as hung.", gt=0, le=600
    )

    # --- Captions
    language: str = setting(
        "fr",
        "Captions",
        "Language spoken when the client names none.",
        metavar="CODE",
        pattern=LANGUAGE_TAG,
    )
    hop: float = setting(0.3, "Captions", "New audio between two interims.", ge=0.1, le=5)
    final_beam_size: int = setting(5, "Captions", "Beam width of finals; 1 is greedy.", ge=1, le=10)
    final_window: Literal["auto", "short", "padded"] = setting(
        "auto",
        "Captions",
        "Window of finals: the model's rule (short), 30 s (padded), or by load (auto).",
    )
    endpoint_silence: float = setting(
        0.4, "Captions", "Silence that ends an utterance.", ge=0.2, le=3
    )
    max_utterance: float = setting(
        10.0, "Captions", "Longest utterance before it is cut at a pause.", ge=5, le=28
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
        65_536, "Limits", "Largest audio message.", metavar="BYTES", ge=4096, le=4_194_304
    )
    max_upload_bytes: int = setting(
        2_000_000_000,
        "Limits",
        "Largest recording of a Transcribe call.",
        metavar="BYTES",
        ge=65_536,
    )

    # --- Rooms
    room_hub: str = setting(
        "memory",
        "Rooms",
        "Where captions of rooms are kept: memory, or a Redis that replicas share.",
        metavar="URL",
        pattern=r"^(memory|(rediss?|unix)://\S+)$",
    )
    redis_password_file: OptionalFile = setting(
        None, "Rooms", "File with the password of that Redis."
    )
    room_history_age: float = setting(
        14_400.0, "Rooms", "How long captions of a room are kept.", ge=60, le=604_800
    )
    room_history_size: int = setting(
        5000, "Rooms", "Finals kept of one room.", metavar="CAPTIONS", ge=10, le=1_000_000
    )
    room_grace: float = setting(
        300.0, "Rooms", "How long a room without sessions stays open.", ge=0, le=86_400
    )
    max_rooms: int = setting(
        1000, "Rooms", "Rooms kept; beyond, those that ended first go.", ge=1, le=100_000
    )
    max_followers: int = setting(
        10_000, "Rooms", "Readers that follow rooms at once.", ge=1, le=1_000_000
    )
    max_room_followers: int = setting(
        2000, "Rooms", "Readers that follow one room over HTTP at once.", ge=1, le=1_000_000
    )

    # --- Client
    server: OptionalAddress = setting(
        "",
        "Client",
        "Server to talk to; empty: the one on this machine, at the port of `listen`.",
        metavar="HOST:PORT",
    )
    server_tls: bool = setting(
        default=False,
        group="Client",
        description="Talk TLS to the server, trusting the authorities of the system.",
    )
    server_ca: OptionalFile = setting(
        None, "Client", "PEM authorities that vouch for the server; turns TLS on."
    )
    server_name: str = setting(
        "", "Client", "Name in the server's certificate, when it is not the host of `server`."
    )
    client_certificate: OptionalFile = setting(
        None, "Client", "PEM certificate chain shown to the server; turns TLS on."
    )
    client_key: OptionalFile = setting(None, "Client", "PEM private key of the client certificate.")

    # --- Logging
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Logging", "Least severe message that is written."
    )
    log_format: Literal["auto", "console", "json"] = setting(
        "auto", "Logging", "auto: console on a terminal, JSON lines elsewhere."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problems := list(self._contradictions()):
            text = "; ".join(text for _, text in problems)
            raise PydanticCustomError("contradiction", "{text}", {"text": text, "all": problems})
        return self

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        """The settings that do not go with others, and why."""
        if self.tls_certificate and not self.tls_key:
            yield "tls_certificate", "needs tls_key beside it"
        if self.tls_key and not self.tls_certificate:
            yield "tls_key", "needs tls_certificate beside it"
        if self.client_certificate and not self.client_key:
            yield "client_certificate", "needs client_key beside it"
        if self.client_key and not self.client_certificate:
            yield "client_key", "needs client_certificate beside it"
        if self.tls_client_ca and not self.tls_certificate:
            yield "tls_client_ca", "needs tls_certificate and tls_key beside it"
        if urlsplit(self.room_hub).password is not None:
            yield "room_hub", "the password of Redis belongs in redis_password_file"
        if self.redis_password_file and self.room_hub == "memory":
            yield "redis_password_file", "needs a Redis in room_hub"
        for name in ("listen", "http_listen"):
            address: str = getattr(self, name)
            exposed = address and not is_loopback(address)
            if exposed and not (self.token_file or self.insecure):
                yield name, "is not loopback: set token_file, or insecure to do without"

    @property
    def client_target(self) -> str:
        """The address that clients on this machine connect to."""
        if self.server or self.listen.startswith("unix:"):
            return self.server or self.listen
        host, port = host_and_port(self.listen)
        everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - compared, not bound
        return f"{everywhere.get(host, host)}:{port}"
