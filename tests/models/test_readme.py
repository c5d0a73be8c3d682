"""The tables of ``models/README.md`` against the manifests."""

from __future__ import annotations

from pathlib import Path

from captioner.models.manifest import shipped_manifests


def test_the_readme_gives_every_digest_as_the_manifests_do(root: Path) -> None:
    rows = {
        line
        for line in (root / "models/README.md").read_text().splitlines()
        if line.count("|") == 5
    }
    files = {
        f"| {manifest.name} | {name} | {digest.size} | {digest.sha256} |"
        for manifest in shipped_manifests().values()
        for name, digest in manifest.files.items()
    }
    assert files == {row for row in rows if len(row.split("|")[4].strip()) == 64}


def test_the_readme_gives_every_revision_as_the_manifests_do(root: Path) -> None:
    text = (root / "models/README.md").read_text()
    for manifest in shipped_manifests().values():
        assert manifest.hub is not None
        assert (
            f"| {manifest.name} | {manifest.hub.repository} | `{manifest.hub.revision}` "
            f"| {manifest.size / 1e6:.1f} MB | `{manifest.short_digest}` |"
        ) in text
