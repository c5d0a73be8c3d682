"""Tests of ``captioner.models.hub`` against a hub on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from model_fakes import FILES, Hub, Recorder, read_files, serve_hub, toy, write_files

from captioner.errors import DownloadError
from captioner.models.hub import BREAKS, HubSource
from captioner.models.sources import FolderSource, Source, pull
from captioner.models.store import ModelStore
from captioner.models.verification import Model

SIZE = len(FILES["model.bin"])


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as served:
        yield served


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


def fetch(hub: Hub, store: ModelStore, *, token: str | None = None) -> tuple[Model, Recorder]:
    progress = Recorder()
    source = HubSource(hub.url, token=token, timeout=5.0)
    return pull(toy(), [source], store=store, progress=progress), progress


def failed_fetch(hub: Hub, store: ModelStore, *, token: str | None = None) -> str:
    with pytest.raises(DownloadError) as caught:
        fetch(hub, store, token=token)
    assert not store.path("toy").exists()
    return str(caught.value)


def ranges(hub: Hub, name: str = "model.bin") -> list[str]:
    return [span for path, span, _ in hub.requests if path.endswith(name)]


def test_files_come_from_the_pinned_revision(hub: Hub, store: ModelStore) -> None:
    model, progress = fetch(hub, store)
    assert read_files(model.directory) == FILES
    assert {path for path, _, _ in hub.requests} == {
        f"/owner/toy/resolve/c0ffee/{name}" for name in FILES
    }
    assert progress.advances[-1][0] in FILES
    assert ("model.bin", SIZE, SIZE) in progress.advances


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub: Hub, store: ModelStore) -> None:
    hub.breaks["model.bin"] = [1000, 500]
    model, progress = fetch(hub, store)
    assert read_files(model.directory) == FILES
    assert ranges(hub) == ["", "bytes=1000-", "bytes=1500-"]
    assert any(f"broke off at 1500 of {SIZE} bytes" in note for note in progress.notes)


def test_a_server_without_ranges_is_asked_for_the_whole_file_again(
    hub: Hub, store: ModelStore
) -> None:
    hub.ranges = False
    hub.breaks["model.bin"] = [1000]
    model, _ = fetch(hub, store)
    assert read_files(model.directory) == FILES


def test_a_download_that_brings_nothing_more_is_given_up(hub: Hub, store: ModelStore) -> None:
    hub.breaks["model.bin"] = [1000, 0, 0]
    reason = failed_fetch(hub, store)
    assert f"model.bin broke off at 1000 of {SIZE} bytes" in reason
    assert ranges(hub) == ["", "bytes=1000-"]


def test_a_download_may_break_off_only_so_often(hub: Hub, store: ModelStore) -> None:
    hub.breaks["model.bin"] = [10] * (BREAKS + 1)
    reason = failed_fetch(hub, store)
    assert f"broke off at {10 * BREAKS} of" in reason
    assert len(ranges(hub)) == BREAKS


def test_the_next_pull_goes_on_where_the_last_one_stopped(hub: Hub, store: ModelStore) -> None:
    hub.breaks["model.bin"] = [1000, 0]
    failed_fetch(hub, store)
    hub.breaks.clear()
    hub.requests.clear()
    fetch(hub, store)
    assert ranges(hub) == ["bytes=1000-"]
    assert ranges(hub, "config.json") == []  # it was verified and kept


def test_a_leftover_with_wrong_bytes_is_fetched_again(hub: Hub, store: ModelStore) -> None:
    hub.breaks["model.bin"] = [1000, 0]
    failed_fetch(hub, store)
    (partial,) = store.root.glob(".staging/*/partial/model.bin")
    partial.write_bytes(b"?" * 1000)
    model, progress = fetch(hub, store)
    assert read_files(model.directory) == FILES
    assert any("fetching it again" in note for note in progress.notes)


def test_wrong_bytes_are_refused(hub: Hub, store: ModelStore) -> None:
    hub.files["model.bin"] = b"?" * SIZE
    assert "model.bin has the wrong bytes: expected sha256" in failed_fetch(hub, store)
    assert list(store.root.glob(".staging/*/partial/model.bin")) == []


def test_more_bytes_than_expected_are_refused(hub: Hub, store: ModelStore) -> None:
    hub.files["model.bin"] = FILES["model.bin"] + b"x"
    assert f"more bytes than the {SIZE} expected" in failed_fetch(hub, store)


def test_another_range_than_the_one_asked_for_is_refused(hub: Hub, store: ModelStore) -> None:
    hub.breaks["model.bin"] = [1000]
    hub.content_range = "bytes 7-99/100"
    reason = failed_fetch(hub, store)
    assert "asked for bytes from 1000 on, the server sent 'bytes 7-99/100'" in reason


def test_a_file_that_is_not_there_is_named_with_the_status(hub: Hub, store: ModelStore) -> None:
    del hub.files["tokenizer.json"]
    reason = failed_fetch(hub, store)
    assert "resolve/c0ffee/tokenizer.json: there is no such file (HTTP 404)" in reason


def test_a_hub_that_wants_a_token_is_answered_with_a_hint(hub: Hub, store: ModelStore) -> None:
    hub.token = "s3cret"
    assert "a token is needed (HTTP 401)" in failed_fetch(hub, store)


def test_a_wrong_token_is_told_without_showing_it(hub: Hub, store: ModelStore) -> None:
    hub.token = "s3cret"
    reason = failed_fetch(hub, store, token="wr0ng")
    assert "the token is refused (HTTP 401)" in reason
    assert "wr0ng" not in reason


def test_the_right_token_opens_the_hub(hub: Hub, store: ModelStore) -> None:
    hub.token = "s3cret"
    model, _ = fetch(hub, store, token="s3cret")
    assert read_files(model.directory) == FILES


def test_any_other_status_is_given_as_it_is(hub: Hub, store: ModelStore) -> None:
    hub.status = 503
    assert "(HTTP 503)" in failed_fetch(hub, store)


def test_a_hub_that_cannot_be_reached_is_named(store: ModelStore) -> None:
    with serve_hub() as hub:
        pass  # its port is closed now
    assert f"cannot reach {hub.url}" in failed_fetch(hub, store)


def test_a_redirect_elsewhere_does_not_take_the_token_along(hub: Hub, store: ModelStore) -> None:
    with serve_hub() as storage:
        hub.redirect_to = storage.url
        model, _ = fetch(hub, store, token="s3cret")
    assert read_files(model.directory) == FILES
    assert {given for _, _, given in hub.requests} == {"Bearer s3cret"}
    assert {given for _, _, given in storage.requests} == {""}


def test_a_redirect_keeps_the_range(hub: Hub, store: ModelStore) -> None:
    with serve_hub() as storage:
        storage.breaks["model.bin"] = [1000]
        hub.redirect_to = storage.url
        fetch(hub, store)
    assert ranges(storage) == ["", "bytes=1000-"]


def test_a_token_is_not_sent_in_clear_text() -> None:
    with pytest.raises(DownloadError, match="a token is sent over https only"):
        HubSource("http://hub.example", token="s3cret")
    HubSource("https://hub.example", token="s3cret")
    HubSource("http://hub.example")


@pytest.mark.parametrize("endpoint", ["", "hub.example", "ftp://hub.example", "file:///etc"])
def test_an_endpoint_that_is_no_web_address_is_refused(endpoint: str) -> None:
    with pytest.raises(DownloadError, match=r"must be an http\(s\) address"):
        HubSource(endpoint)


def test_a_model_without_repository_is_not_asked_for(hub: Hub, store: ModelStore) -> None:
    with pytest.raises(DownloadError, match="names no hub repository"):
        pull(replace(toy(), hub=None), [HubSource(hub.url)], store=store, progress=Recorder())
    assert hub.requests == []


def test_a_folder_can_finish_what_the_hub_began(
    hub: Hub, store: ModelStore, tmp_path: Path
) -> None:
    hub.breaks["model.bin"] = [1000, 0]
    sources: list[Source] = [HubSource(hub.url), FolderSource(write_files(tmp_path / "origin"))]
    model = pull(toy(), sources, store=store, progress=Recorder())
    assert read_files(model.directory) == FILES
