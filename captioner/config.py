"""Every setting of the program, each declared once.

A setting comes, in this order, from a command-line flag (``--hop``), the environment
(``CAPTIONER_HOP``), the TOML file named by ``--config`` or ``CAPTIONER_CONFIG`` (``hop = 0.5``), or
its default. Nothing else in the program reads the environment.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator
from pydantic_core import ErrorDetails, PydanticCustomError

from captioner.errors import ConfigError

ENV_PREFIX = "CAPTIONER_"
CONFIG_VARIABLE = ENV_PREFIX + "CONFIG"

# Kubernetes writes the addresses of a service named captioner, or captioner-http, into every pod.
_SERVICE_LINK = re.compile(
    ENV_PREFIX + r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR))"
)
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[0-9a-z.-]+)(:[0-9]{1,5})?", re.IGNORECASE)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


def default_models_dir() -> Path:
    """Where models are kept: ``$XDG_CACHE_HOME/captioner/models``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "captioner" / "models"


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


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - TCP's limit
        raise ValueError("must be HOST:PORT, with a port from 0 to 65535")
    return host, int(port)


def _address(value: str) -> str:
    if not value.startswith("unix:"):
        _host_and_port(value)
    return value


def _optional_address(value: str) -> str:
    return _address(value) if value else value


def _is_loopback(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    host = _host_and_port(address)[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a host name
        return False


def _origins(value: str) -> str:
    for origin in value.split():
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError("must be origins such as https://visio.example.org, or *")
    return value


def _path(value: object) -> object:
    """Empty is none; a leading ~ is the home directory."""
    return (os.path.expanduser(value) or None) if isinstance(value, str) else value  # noqa: PTH111 - Path("") is "."


Address = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(_optional_address)]
Origins = Annotated[str, AfterValidator(_origins)]
File = Annotated[Path, BeforeValidator(_path)]
OptionalFile = Annotated[Path | None, BeforeValidator(_path)]
ComputeType = Literal[
    "auto", "int8", "int8_float32", "int8_float16", "float16", "bfloat16", "float32"
]
LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


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
            exposed = address and not _is_loopback(address)
            if exposed and not (self.token_file or self.insecure):
                yield name, "is not loopback: set token_file, or insecure to do without"

    @property
    def client_target(self) -> str:
        """The address that clients on this machine connect to."""
        if self.server or self.listen.startswith("unix:"):
            return self.server or self.listen
        host, port = _host_and_port(self.listen)
        everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - compared, not bound
        return f"{everywhere.get(host, host)}:{port}"


class Source(Enum):
    """Where the value of a setting came from."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force, and where each came from."""

    settings: Settings
    sources: Mapping[str, Source]
    file: Path | None


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Combine flags, environment, file and defaults.

    Args:
        flags: By the name of the setting; None stands for a flag that was not given.
        file: TOML file; None: the one that ``CAPTIONER_CONFIG`` names, if any.
        environ: The process's own unless given.

    Raises:
        ConfigError: one line for each setting that is unknown, contradictory or out of range.
    """
    return resolve_settings(flags, file=file, environ=environ).settings


def resolve_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Do as ``load_settings`` does, and keep where each value came from."""
    environ = os.environ if environ is None else environ
    if file is None and environ.get(CONFIG_VARIABLE):
        file = Path(environ[CONFIG_VARIABLE]).expanduser()
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    layers = {
        Source.FILE: _read_file(file) if file else {},
        Source.ENVIRONMENT: _read_environment(environ),
        Source.FLAG: given,
    }
    problems = _unknown(layers, file)
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, Source.DEFAULT)
    for source, layer in layers.items():
        known = {name: value for name, value in layer.items() if name in sources}
        values |= known
        sources |= dict.fromkeys(known, source)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for name, text in _explained(error):
            problems.append(f"{_written(name, values.get(name), sources[name], file)}: {text}")
        raise ConfigError("\n".join(problems)) from None
    if problems:
        raise ConfigError("\n".join(problems))
    return Resolved(settings, sources, file)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the settings in {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        variable.removeprefix(ENV_PREFIX).lower(): value
        for variable, value in environ.items()
        if variable.startswith(ENV_PREFIX)
        and variable != CONFIG_VARIABLE
        and not _SERVICE_LINK.fullmatch(variable)
        and not _SERVICE_URL.match(value)
    }


def _unknown(layers: Mapping[Source, Mapping[str, Any]], file: Path | None) -> list[str]:
    problems = []
    for source, layer in layers.items():
        for name, value in layer.items():
            if name in Settings.model_fields:
                continue
            where = _written(name, value, source, file)
            if isinstance(value, dict):
                problems.append(f"{where}: settings stand at the top of the file, not in tables")
                continue
            near = get_close_matches(name, Settings.model_fields, n=1)
            hint = f", did you mean {_spelled(near[0], source)}?" if near else ""
            problems.append(f"{where}: no such setting{hint}")
    return problems


def _explained(error: ValidationError) -> Iterator[tuple[str, str]]:
    """The setting and the text of each problem."""
    for detail in error.errors():
        if detail["type"] == "contradiction":
            yield from detail["ctx"]["all"]
        else:
            name = str(detail["loc"][0])
            yield name, _problem(name, detail)


def _problem(name: str, detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return f"must be {expectation(name)}"


def expectation(name: str) -> str:
    """What the value of a setting must be, in words: "a number from 0.1 to 5"."""
    if name == "language":
        return "a language code such as fr or fr-FR"
    info = Settings.model_fields[name]
    if get_origin(info.annotation) is Literal:
        *most, last = (str(choice) for choice in get_args(info.annotation))
        return f"{', '.join(most)} or {last}"
    nouns: dict[object, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
    }
    return " ".join([nouns.get(info.annotation, "a path"), *_limits(name)])


def _limits(name: str) -> Iterator[str]:
    """The words for the limits of a number, lower first."""
    limits: dict[str, float] = {}
    for constraint in Settings.model_fields[name].metadata:
        for bound in ("ge", "gt", "le"):
            if (value := getattr(constraint, bound, None)) is not None:
                limits[bound] = value
    if "ge" in limits:
        yield f"from {limits['ge']}" if "le" in limits else f"of at least {limits['ge']}"
    if "gt" in limits:
        yield f"above {limits['gt']}"
    if "le" in limits:
        yield f"to {limits['le']}" if "ge" in limits else f"and at most {limits['le']}"


def _spelled(name: str, source: Source) -> str:
    match source:
        case Source.FLAG:
            return flag_of(name)
        case Source.ENVIRONMENT:
            return variable_of(name)
        case Source.FILE | Source.DEFAULT:
            return name


def _written(name: str, value: object, source: Source, file: Path | None) -> str:
    """The setting as the operator wrote it, to be found again."""
    match source:
        case Source.FLAG:
            return flag_of(name) if value is True else f"{flag_of(name)} {value}"
        case Source.ENVIRONMENT:
            return f"{variable_of(name)}={value}"
        case Source.FILE:
            text = "[table]" if isinstance(value, dict) else repr(value)
            return f"{name} = {text} in {file}"
        case Source.DEFAULT:
            return f"{name} (default)"


def flag_of(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.upper()
