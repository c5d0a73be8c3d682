"""Sounds of a meeting room in which nobody speaks, made from seeds: the same on every machine.

Each generator returns 16 kHz mono of its own loudness; ``at_level`` sets that. None holds speech,
and none of it was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 16_000
DITHER: Final = 10 ** (-80 / 20)  # what a microphone in a quiet room leaves, over full scale
NATURAL: Final = (0, 2, 4, 5, 7, 9, 11)  # semitones of a major scale
CHORDS: Final = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))  # I, vi, IV, V

Samples = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Generator = Callable[[float, int], Samples]


def digital_silence(seconds: float, seed: int) -> Samples:  # noqa: ARG001 - as the others
    """Zeros."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def room(seconds: float, seed: int) -> Samples:
    """The noise of a microphone in a quiet room."""
    return _out(DITHER * _white(seconds, seed))


def white(seconds: float, seed: int) -> Samples:
    """White noise."""
    return _out(_white(seconds, seed))


def pink(seconds: float, seed: int) -> Samples:
    """Noise whose power falls by 3 dB an octave: air conditioning, traffic."""
    return _out(_shaped(_white(seconds, seed), lambda hertz: 1 / np.sqrt(np.maximum(hertz, 20))))


def rumble(seconds: float, seed: int) -> Samples:
    """Noise whose power falls by 6 dB an octave: a train, wind on the microphone."""
    gusts = 1 + _slow(seconds, seed + 1, per_second=0.7)
    return _out(gusts * _shaped(_white(seconds, seed), lambda hertz: 1 / np.maximum(hertz, 30)))


def hum(seconds: float, seed: int) -> Samples:
    """50 Hz and its harmonics, from a bad cable, that drift a little."""
    chance = np.random.default_rng(seed)
    phase = 2 * np.pi * np.cumsum(50 + 0.2 * _slow(seconds, seed, per_second=0.5)) / SAMPLE_RATE
    parts = [chance.uniform(0.2, 1) / n * np.sin(n * phase) for n in (1, 2, 3, 4, 5, 7, 9)]
    return _out(np.sum(parts, axis=0))


def chords(seconds: float, seed: int) -> Samples:
    """Held chords, each note with harmonics and a slow attack: waiting music."""
    chance = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    root = 48 + int(chance.integers(12))
    length = chance.uniform(1.2, 2.5)
    for number in range(int(seconds / length) + 1):
        for note in CHORDS[number % len(CHORDS)]:
            tone = _note(root + note, length * 1.1, harmonics=6, attack=0.15, decay=0.8)
            _add(out, tone, number * length)
    return _out(out)


def melody(seconds: float, seed: int) -> Samples:
    """Plucked notes of a scale, with vibrato as of a voice or a violin in some of them."""
    chance = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    root, step, at = 60 + int(chance.integers(8)), 0, 0.0
    while at < seconds:
        step = int(np.clip(step + chance.integers(-3, 4), -5, 12))
        note = root + 12 * (step // 7) + NATURAL[step % 7]
        length = float(chance.choice((0.2, 0.4, 0.8)))
        vibrato = 0.06 * float(chance.integers(2))
        tone = _note(note, length, harmonics=8, attack=0.02, decay=2.5, vibrato=vibrato)
        _add(out, tone, at)
        at += length
    return _out(out)


def keyboard(seconds: float, seed: int) -> Samples:
    """Keys struck in bursts: two short clicks each, of the way down and of the way up."""

    def key(chance: np.random.Generator) -> Floats:
        down = _burst(0.025, chance, band=(900, 6500), decay=180)
        up = 0.4 * _burst(0.02, chance, band=(1500, 7000), decay=220)
        return _joined(down, up, gap=chance.uniform(0.05, 0.1))

    return _events(seconds, seed, key, every=(0.07, 0.25), rest=0.08)


def breathing(seconds: float, seed: int) -> Samples:
    """Somebody who breathes into the microphone: in and out, noise that swells and fades."""
    chance = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    at = chance.uniform(0, 1)
    while at < seconds:
        for low, high, length in ((500, 4000, 0.9), (250, 2500, 1.3)):
            breath = _band(chance.standard_normal(round(length * SAMPLE_RATE)), low, high)
            swell = np.sin(np.pi * np.arange(len(breath)) / len(breath)) ** 2
            _add(out, chance.uniform(0.5, 1) * breath * swell, at)
            at += length + chance.uniform(0.1, 0.4)
        at += chance.uniform(0.3, 1.0)
    return _out(out)


def doors(seconds: float, seed: int) -> Samples:
    """Doors that slam: a thud of low frequencies, its rattle, and the room's echo."""

    def slam(chance: np.random.Generator) -> Floats:
        thud = _burst(0.5, chance, band=(40, 400), decay=12)
        rattle = 0.3 * _burst(0.3, chance, band=(300, 3000), decay=25)
        thud[: len(rattle)] += rattle
        return thud

    return _events(seconds, seed, slam, every=(1.0, 4.0))


def phone(seconds: float, seed: int) -> Samples:
    """A telephone that rings: two tones that alternate, then a pause."""
    chance = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    low, high = chance.uniform(400, 900), chance.uniform(950, 1600)
    at = 0.0
    while at < seconds:
        for number in range(20):
            length = 0.05
            time = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE
            hertz = low if number % 2 else high
            _add(out, np.sin(2 * np.pi * hertz * time), at + number * length)
        at += 1.0 + chance.uniform(0.5, 2.5)
    return _out(out)


def applause(seconds: float, seed: int) -> Samples:
    """Many hands that clap, each in its own time, swelling and dying down."""

    def clap(chance: np.random.Generator) -> Floats:
        centre = chance.uniform(700, 2200)
        return chance.uniform(0.2, 1) * _burst(
            0.03, chance, band=(centre / 2, 2 * centre), decay=120
        )

    hands = [_events(seconds, seed * 50 + hand, clap, every=(0.18, 0.33)) for hand in range(25)]
    swell = 0.3 + np.abs(_slow(seconds, seed, per_second=0.3))
    return _out(np.sum(hands, axis=0) * swell)


GENERATORS: Final[Mapping[str, Generator]] = {
    "digital silence": digital_silence,
    "room": room,
    "white": white,
    "pink": pink,
    "rumble": rumble,
    "hum": hum,
    "chords": chords,
    "melody": melody,
    "keyboard": keyboard,
    "breathing": breathing,
    "doors": doors,
    "phone": phone,
    "applause": applause,
}


def at_level(samples: Samples, decibels: float) -> Samples:
    """The samples at so many dB under full scale (RMS of what is not silent), clipped at it."""
    loud = np.abs(samples) > 0.01 * np.max(np.abs(samples), initial=0.0)
    if not loud.any():
        return samples
    level = float(np.sqrt(np.mean(samples[loud].astype(np.float64) ** 2)))
    return _out(np.clip(samples * (10 ** (decibels / 20) / level), -1, 1))


def babble(voices: Sequence[Samples], length: int, *, seed: int) -> Samples:
    """Voices that talk at once, each from somewhere else in what it says, equally loud.

    Raises:
        ValueError: fewer than six voices are a conversation.
    """
    if len(voices) < 6:
        raise ValueError(f"babble takes 6 voices or more, got {len(voices)}")
    chance = np.random.default_rng(seed)
    out = np.zeros(length, np.float64)
    for voice in voices:
        turned = np.resize(np.roll(voice, int(chance.integers(len(voice)))), length)
        out += at_level(turned, -20)
    return _out(out)


# --- what they are made of


def _out(samples: npt.ArrayLike) -> Samples:
    return np.asarray(samples, np.float32)


def _white(seconds: float, seed: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))


def _shaped(samples: Floats, gain: Callable[[Floats], Floats]) -> Floats:
    spectrum = np.fft.rfft(samples) * gain(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE))
    shaped = np.fft.irfft(spectrum, len(samples))
    return np.asarray(shaped / (np.std(shaped) or 1.0))


def _band(samples: Floats, low: float, high: float) -> Floats:
    return _shaped(samples, lambda hertz: ((hertz >= low) & (hertz <= high)).astype(np.float64))


def _slow(seconds: float, seed: int, *, per_second: float) -> Floats:
    """A curve through random values, so many a second."""
    count = round(seconds * SAMPLE_RATE)
    points = np.random.default_rng(seed).standard_normal(int(seconds * per_second) + 2)
    places = np.linspace(0, len(points) - 1, count)
    return np.interp(places, np.arange(len(points)), points)


def _note(
    midi: int,
    seconds: float,
    *,
    harmonics: int,
    attack: float,
    decay: float,
    vibrato: float = 0.0,
) -> Floats:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 440 * 2 ** ((midi - 69) / 12) * 2 ** (vibrato * np.sin(2 * np.pi * 5.5 * time) / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    tone = np.sum([np.sin(n * phase) / n for n in range(1, harmonics + 1)], axis=0)
    envelope = np.minimum(time / attack, 1) * np.exp(-decay * time)
    release = np.minimum((seconds - time) / 0.02, 1)
    return np.asarray(tone * envelope * release)


def _burst(
    seconds: float, chance: np.random.Generator, *, band: tuple[float, float], decay: float
) -> Floats:
    noise = _band(chance.standard_normal(round(seconds * SAMPLE_RATE)), *band)
    return np.asarray(noise * np.exp(-decay * np.arange(len(noise)) / SAMPLE_RATE))


def _joined(first: Floats, second: Floats, *, gap: float) -> Floats:
    return np.concatenate((first, np.zeros(round(gap * SAMPLE_RATE)), second))


def _events(
    seconds: float,
    seed: int,
    event: Callable[[np.random.Generator], Floats],
    *,
    every: tuple[float, float],
    rest: float = 0.0,
) -> Samples:
    """Events that follow one another at random; after each, perhaps a rest of a second or two."""
    chance = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    at = chance.uniform(*every)
    while at < seconds:
        _add(out, chance.uniform(0.5, 1) * event(chance), at)
        at += chance.uniform(*every)
        if chance.random() < rest:
            at += chance.uniform(0.5, 2)
    return _out(out)


def _add(out: Floats, sound: Floats, at: float) -> None:
    begin = round(at * SAMPLE_RATE)
    part = sound[: max(0, len(out) - begin)]
    out[begin : begin + len(part)] += part
