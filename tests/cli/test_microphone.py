from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from captioner.cli.exits import Failed
from captioner.cli.microphone import (
    MAX_QUEUED,
    Device,
    Microphone,
    choose_device,
    input_devices,
    load_portaudio,
)

BUILT_IN = Device(0, "Built-in Microphone", 2, 48_000, default=False)
HEADSET = Device(2, "USB Headset", 1, 16_000, default=True)


class PortAudioFailed(Exception):
    """What the real library raises, under its name there."""


class FakeStream:
    def __init__(self, library: FakePortAudio, **asked: Any) -> None:
        self.asked = asked
        self.closed = False
        if library.busy:
            raise PortAudioFailed("Device unavailable")

    def start(self) -> None:
        self.asked["callback"](b"\x01\x00", 1, None, None)

    def close(self) -> None:
        self.closed = True


class FakePortAudio:
    """A sound system of three devices, one of which only plays."""

    PortAudioError = PortAudioFailed
    default = SimpleNamespace(device=(2, 1))

    def __init__(self, *, busy: bool = False, rates: tuple[int, ...] = (16_000, 48_000)) -> None:
        self.busy = busy
        self.rates = rates
        self.streams: list[FakeStream] = []

    def query_devices(self) -> list[dict[str, Any]]:
        rows = [("Built-in Microphone", 2, 48_000), ("Speakers", 0, 48_000)]
        rows.append(("USB Headset", 1, 16_000))
        return [
            {"name": name, "max_input_channels": channels, "default_samplerate": float(rate)}
            for name, channels, rate in rows
        ]

    def check_input_settings(self, *, samplerate: int, **_: object) -> None:
        if samplerate not in self.rates:
            raise PortAudioFailed("Invalid sample rate")

    def RawInputStream(self, **asked: Any) -> FakeStream:  # noqa: N802 - the name in the library
        self.streams.append(FakeStream(self, **asked))
        return self.streams[-1]


def test_a_missing_package_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(Failed, match=r"pip install 'captioner\[mic\]'"):
        load_portaudio()


def test_a_missing_library_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Failed, match="apt-get install libportaudio2"):
        load_portaudio()


def test_only_devices_that_can_record_are_listed() -> None:
    assert input_devices(FakePortAudio()) == [BUILT_IN, HEADSET]


def test_without_a_wish_the_default_device_is_taken() -> None:
    assert choose_device([BUILT_IN, HEADSET], None) == HEADSET


def test_without_a_default_the_first_device_is_taken() -> None:
    assert choose_device([BUILT_IN], None) == BUILT_IN


@pytest.mark.parametrize("wanted", ["0", "built"])
def test_a_device_is_chosen_by_number_or_by_part_of_its_name(wanted: str) -> None:
    assert choose_device([BUILT_IN, HEADSET], wanted) == BUILT_IN


@pytest.mark.parametrize("wanted", ["1", "webcam"])
def test_an_unknown_device_is_an_error_that_lists_the_known(wanted: str) -> None:
    with pytest.raises(Failed, match=r"0 \(Built-in Microphone\), 2 \(USB Headset\)"):
        choose_device([BUILT_IN, HEADSET], wanted)


def test_a_name_that_fits_two_devices_is_an_error() -> None:
    with pytest.raises(Failed, match="2 microphones are called 'e'"):
        choose_device([BUILT_IN, HEADSET], "e")


def test_a_machine_without_microphone_is_an_error() -> None:
    with pytest.raises(Failed, match="there is no microphone"):
        choose_device([], None)


async def test_what_the_device_hears_comes_out_and_the_device_is_closed() -> None:
    library = FakePortAudio()
    microphone = Microphone(library, HEADSET)
    with microphone.open():
        assert await anext(microphone.chunks()) == b"\x01\x00"
        before = library.streams[0].closed
    assert (before, library.streams[0].closed) == (False, True)
    assert library.streams[0].asked["blocksize"] == 1600


def test_a_device_that_cannot_do_16_khz_is_recorded_at_its_own_rate() -> None:
    assert Microphone(FakePortAudio(rates=(48_000,)), BUILT_IN).sample_rate == 48_000


async def test_a_device_in_use_is_an_error_with_its_name() -> None:
    microphone = Microphone(FakePortAudio(busy=True), HEADSET)
    refused = pytest.raises(Failed, match="cannot record from USB Headset: Device unavailable")
    with refused, microphone.open():
        pass


async def test_chunks_that_nobody_takes_are_counted_as_lost() -> None:
    microphone = Microphone(FakePortAudio(), HEADSET)
    for _ in range(MAX_QUEUED + 3):
        microphone._take(b"\0\0")
    assert microphone.lost == 3
