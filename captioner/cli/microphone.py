"""A microphone as live audio, through PortAudio. Needs the extra ``mic``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from captioner.cli.exits import Failed
from captioner.transcript import SAMPLE_RATE

MAX_QUEUED = 100  # chunks of 100 ms that the rest of the program may be behind the microphone
CHUNKS_A_SECOND = 10


@dataclass(frozen=True, slots=True)
class Device:
    """Something that can be recorded from."""

    index: int
    name: str
    channels: int
    sample_rate: int
    default: bool


def load_portaudio() -> Any:  # noqa: ANN401 - an untyped package
    """The ``sounddevice`` package.

    Raises:
        Failed: it is not installed, or the library under it is not; with how to get it.
    """
    try:
        import sounddevice
    except ImportError:
        raise Failed(
            "recording needs the package sounddevice: pip install 'captioner[mic]'"
        ) from None
    except OSError as error:  # what it raises when it finds no library
        raise Failed(
            f"recording needs the system's PortAudio library ({error}); "
            "on Debian: apt-get install libportaudio2"
        ) from None
    return sounddevice


def input_devices(portaudio: Any) -> list[Device]:  # noqa: ANN401 - an untyped package
    """What can be recorded from, in the order of their numbers.

    Raises:
        Failed: the sound system does not answer.
    """
    try:
        found: list[Mapping[str, Any]] = list(portaudio.query_devices())
        default = portaudio.default.device[0]
    except portaudio.PortAudioError as error:
        raise Failed(f"the sound system does not answer: {error}") from None
    return [
        Device(
            index=number,
            name=str(device["name"]),
            channels=int(device["max_input_channels"]),
            sample_rate=int(device["default_samplerate"]),
            default=number == default,
        )
        for number, device in enumerate(found)
        if device["max_input_channels"] > 0
    ]


def choose_device(devices: list[Device], wanted: str | None) -> Device:
    """The device of that number, or whose name holds that text; the default one for None.

    Raises:
        Failed: there is none, or more than one.
    """
    if not devices:
        raise Failed("there is no microphone: no sound device of this machine can record")
    if wanted is None:
        return next((device for device in devices if device.default), devices[0])
    if wanted.isdecimal():
        fits = [device for device in devices if device.index == int(wanted)]
    else:
        fits = [device for device in devices if wanted.casefold() in device.name.casefold()]
    if len(fits) != 1:
        found = f"{len(fits)} microphones are" if fits else "no microphone is"
        known = ", ".join(f"{device.index} ({device.name})" for device in fits or devices)
        raise Failed(f"{found} called {wanted!r}; there are: {known}")
    return fits[0]


class Microphone:
    """What a device hears, as 16-bit mono chunks of 100 ms. Iterate over `chunks` inside `open`."""

    def __init__(self, portaudio: Any, device: Device) -> None:  # noqa: ANN401 - an untyped package
        self._portaudio = portaudio
        self._device = device
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED)
        self.lost = 0
        """Chunks that came while the program was too far behind to take them."""

    @property
    def sample_rate(self) -> int:
        """16 kHz where the device can, else its own rate."""
        try:
            self._portaudio.check_input_settings(
                device=self._device.index, channels=1, dtype="int16", samplerate=SAMPLE_RATE
            )
        except self._portaudio.PortAudioError:
            return self._device.sample_rate
        return SAMPLE_RATE

    @contextmanager
    def open(self) -> Iterator[None]:
        """Record for as long as the context lasts.

        Raises:
            Failed: the device refuses.
        """
        loop = asyncio.get_running_loop()

        def callback(data: Any, *_: object) -> None:  # noqa: ANN401 - a buffer of PortAudio
            loop.call_soon_threadsafe(self._take, bytes(data))

        rate = self.sample_rate
        try:
            stream = self._portaudio.RawInputStream(
                device=self._device.index,
                channels=1,
                dtype="int16",
                samplerate=rate,
                blocksize=rate // CHUNKS_A_SECOND,
                callback=callback,
            )
            stream.start()
        except self._portaudio.PortAudioError as error:
            raise Failed(f"cannot record from {self._device.name}: {error}") from None
        try:
            yield
        finally:
            stream.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What was heard, without end."""
        while True:
            yield await self._queue.get()

    def _take(self, chunk: bytes) -> None:
        try:
            self._queue.put_nowait(chunk)
        except asyncio.QueueFull:
            self.lost += 1
