"""Toy models for the tests of ``captioner.models``: right in form, a few kilobytes, no speech."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from captioner.models.manifest import FileDigest, HubRepository, Manifest, Wheel, WindowRule


def weights(*, n_mels: int = 80, spec: str = "WhisperSpec", version: int = 6) -> bytes:
    """A ``model.bin`` of two variables, the second of them 64 KiB."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    convolution = struct.pack("<B3I", 3, 4, n_mels, 3)
    data = bytes(range(256)) * 256
    return b"".join(
        [
            struct.pack("<I", version),
            text(spec),
            struct.pack("<II", 3, 2),
            text("encoder/conv1/weight") + convolution + struct.pack("<BI", 0, 12) + b"w" * 12,
            text("decoder/other") + struct.pack("<BI", 1, 9) + struct.pack("<BI", 0, len(data)),
            data,
        ]
    )


VOCABULARY = [
    "a",
    "",
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|fr|>",
    "<|translate|>",
]
FILES: Mapping[str, bytes] = {
    "config.json": b'{"lang_ids": [4, 5]}\n',
    "model.bin": weights(),
    "tokenizer.json": b'{"model": {}}\n',
    "vocabulary.json": json.dumps(VOCABULARY).encode(),
}


def digest_of(data: bytes) -> FileDigest:
    return FileDigest(hashlib.sha256(data).hexdigest(), len(data))


def toy(
    files: Mapping[str, bytes] = FILES, *, name: str = "toy", wheels: tuple[Wheel, ...] = ()
) -> Manifest:
    return Manifest(
        name=name,
        description="a toy",
        languages=("en", "fr"),
        licence="MIT",
        n_mels=80,
        files={file: digest_of(data) for file, data in files.items()},
        window=WindowRule(padded=False, silence=4.0),
        hub=HubRepository("owner/toy", "c0ffee"),
        wheels=wheels,
    )


def write_files(folder: Path, files: Mapping[str, bytes] = FILES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    return {file: (folder / file).read_bytes() for file in FILES}


def build_wheel(folder: Path, package: str, contents: Mapping[str, bytes]) -> tuple[Path, Wheel]:
    """A data package as an index would serve it, and its entry in a manifest without members."""
    module = package.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**contents, **metadata}.items():
            archive.writestr(name, data)
    return path, Wheel(package, "1.0", digest_of(path.read_bytes()), {})


class Recorder:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.advances: list[tuple[str, int, int]] = []

    def advance(self, label: str, done: int, total: int) -> None:
        self.advances.append((label, done, total))

    def note(self, line: str) -> None:
        self.notes.append(line)


@dataclass
class Hub:
    """What the toy hub serves, how it misbehaves, and what it was asked."""

    files: dict[str, bytes]
    url: str = ""
    ranges: bool = True
    token: str = ""
    breaks: dict[str, list[int]] = field(default_factory=dict)
    """File -> after how many bytes each of the next answers breaks off."""
    redirect_to: str = ""
    status: int = 200
    content_range: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, Range and Authorization of each request."""


@contextmanager
def serve_hub(files: Mapping[str, bytes] = FILES) -> Iterator[Hub]:
    """A hub on a loopback port of its own."""
    hub = Hub(dict(files))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(hub, self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    span = request.headers.get("Range", "")
    given = request.headers.get("Authorization", "")
    hub.requests.append((request.path, span, given))
    name = request.path.rpartition("/")[2]
    if hub.redirect_to:
        request.send_response(302)
        request.send_header("Location", hub.redirect_to + request.path)
        request.end_headers()
    elif hub.status != 200:
        request.send_error(hub.status)
    elif hub.token and given != f"Bearer {hub.token}":
        request.send_error(401)
    elif request.path != f"/owner/toy/resolve/c0ffee/{name}" or name not in hub.files:
        request.send_error(404)
    else:
        _send(hub, request, name, span)


def _send(hub: Hub, request: BaseHTTPRequestHandler, name: str, span: str) -> None:
    data = hub.files[name]
    start = int(span.removeprefix("bytes=").rstrip("-")) if span and hub.ranges else 0
    request.send_response(206 if start else 200)
    request.send_header("Content-Length", str(len(data) - start))
    if start:
        real = f"bytes {start}-{len(data) - 1}/{len(data)}"
        request.send_header("Content-Range", hub.content_range or real)
    request.end_headers()
    end = len(data)
    if hub.breaks.get(name):
        end = start + hub.breaks[name].pop(0)
    request.wfile.write(data[start:end])
    request.close_connection = True
