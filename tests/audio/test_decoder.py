"""The decoder itself, in this process: on files that the tests wrote."""

from __future__ import annotations

import io

import numpy as np
import pytest
from synthesis import noise, sine, write_recording

from captioner.audio.decoder import Decoder
from captioner.audio.media import BLOCK
from captioner.errors import InvalidRequest, UnsupportedAudio


def recording(samples: np.ndarray, *, codec: str = "flac", container: str = "flac") -> bytes:
    file = io.BytesIO()
    write_recording(file, samples, codec=codec, container=container)
    return file.getvalue()


def test_a_file_is_read_as_it_is_decoded() -> None:
    file = io.BytesIO(recording(noise(16_000 * 120)))
    with Decoder(file, "a.flac") as decoder:
        next(decoder.blocks())
        assert file.tell() < len(file.getvalue()) // 5


class Failing(io.BytesIO):
    """A file of a server that goes away."""

    fails_from = 1 << 40

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self.fails_from:
            raise OSError(116, "Stale file handle")
        return super().read(size)


def test_a_file_that_goes_away_says_so_and_where() -> None:
    file = Failing(recording(noise(16_000 * 20)))
    with Decoder(file, "a.flac") as decoder:
        file.fails_from = len(file.getvalue()) // 2
        blocks = decoder.blocks()
        assert len(next(blocks)) >= BLOCK
        with pytest.raises(
            InvalidRequest, match=r"a\.flac cannot be read beyond \d+\.\d s: Stale file handle"
        ) as caught:
            list(blocks)
        assert not isinstance(caught.value, UnsupportedAudio)


def test_a_file_that_shrinks_while_it_is_read_is_truncated() -> None:
    file = io.BytesIO(recording(noise(16_000 * 20)))
    with Decoder(file, "a.flac") as decoder:
        blocks = decoder.blocks()
        next(blocks)
        file.truncate(len(file.getvalue()) // 2)
        with pytest.raises(UnsupportedAudio, match=r"a\.flac is truncated: it ends after"):
            list(blocks)


@pytest.mark.parametrize("hole", [0.2, 1.0, 7.5])
def test_a_hole_of_any_length_is_as_long_in_silence(hole: float) -> None:
    file = io.BytesIO()
    length = round(hole * 16_000)
    write_recording(
        file, sine(4), codec="pcm_s16le", container="matroska", hole=(32 * 1024, length)
    )
    file.seek(0)
    with Decoder(file, "muted.mkv") as decoder:
        samples = np.concatenate(list(decoder.blocks()))
    assert len(samples) == pytest.approx(64_000 + length, abs=32)
    assert not samples[33_000 : 32_700 + length].any()


def test_the_sound_does_not_depend_on_how_long_the_frames_are() -> None:
    whole = recording(sine(3), codec="pcm_s16le", container="wav")
    framed = recording(sine(3), codec="pcm_s16le", container="matroska")
    results = []
    for data in (whole, framed):
        with Decoder(io.BytesIO(data), "a") as decoder:
            results.append(np.concatenate(list(decoder.blocks())))
    np.testing.assert_array_equal(results[0], results[1])
