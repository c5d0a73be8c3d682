from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from synthesis import linear16, sine, write_recording
from transcription_fakes import flac, tones

from captioner.audio.format import AudioFormat, Encoding
from captioner.audio.pcm import Samples
from captioner.errors import InvalidRequest, UnsupportedAudio
from captioner.transcription.recording import open_recording, open_track

PCM = AudioFormat(Encoding.LINEAR16, 16_000)


class Dripping(io.BytesIO):
    """A file that returns at most 777 bytes a read, as a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(777)

    def seekable(self) -> bool:
        return False


def read(file: io.BytesIO, audio_format: AudioFormat | None = PCM) -> Samples:
    recording = open_recording(file, audio_format)
    samples = np.concatenate(list(recording.blocks()))
    recording.close()
    return samples


def test_a_file_says_itself_what_it_holds() -> None:
    samples = tones(0.5, 1, 0.5)
    file = flac(samples)
    recording = open_recording(file, None)
    assert recording.duration == len(samples)
    assert recording.clamped == 0
    np.testing.assert_allclose(np.concatenate(list(recording.blocks())), samples, atol=1e-4)
    recording.close()
    assert not file.closed


def test_bare_samples_are_read_in_the_format_that_was_told() -> None:
    samples = sine(2.3)
    np.testing.assert_allclose(read(io.BytesIO(linear16(samples))), samples, atol=1e-4)


def test_bare_samples_do_not_depend_on_how_they_are_read() -> None:
    data = linear16(sine(1.1, rate=44_100))
    stereo = AudioFormat(Encoding.LINEAR16, 22_050, channels=2)
    whole = read(io.BytesIO(data), stereo)
    np.testing.assert_array_equal(read(Dripping(data), stereo), whole)
    assert len(whole) == pytest.approx(1.1 * 16_000, abs=2)


def test_bare_samples_are_counted_before_they_are_read_where_that_is_possible() -> None:
    file = io.BytesIO(b"head" + bytes(96_000))
    file.seek(4)
    assert open_recording(file, AudioFormat(Encoding.LINEAR16, 48_000)).duration == 16_000
    assert file.tell() == 4
    assert open_recording(Dripping(bytes(8)), PCM).duration is None


def test_bare_samples_out_of_range_are_counted() -> None:
    data = np.array([0.5, 3.0, -2.0], "<f4").tobytes()
    recording = open_recording(io.BytesIO(data), AudioFormat(Encoding.FLOAT32, 16_000))
    list(recording.blocks())
    assert recording.clamped == 2


def test_bare_samples_that_end_within_one_are_refused_after_the_good_ones() -> None:
    recording = open_recording(io.BytesIO(linear16(sine(0.5)) + b"x"), PCM)
    blocks = recording.blocks()
    assert len(next(blocks)) > 0
    with pytest.raises(UnsupportedAudio, match="whole"):
        list(blocks)


@pytest.mark.parametrize("audio_format", [None, PCM])
def test_an_empty_recording_is_refused(audio_format: AudioFormat | None) -> None:
    with pytest.raises(UnsupportedAudio, match="empty"):
        read(io.BytesIO(), audio_format)


def test_bare_opus_packets_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="OPUS") as refusal:
        open_recording(io.BytesIO(b"x"), AudioFormat(Encoding.OPUS, 48_000))
    assert refusal.value.violations[0].field == "audio_format.encoding"


def loudest(path: Path, *, track: int = 0, channel: int | None = None) -> float:
    recording = open_track(path, track=track, channel=channel)
    try:
        assert recording.duration == pytest.approx(SECONDS * 16_000, abs=160)
        return float(np.abs(np.concatenate(list(recording.blocks()))).max())
    finally:
        recording.close()


SECONDS = 0.5


def test_one_of_several_tracks_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "two.mka"
    write_recording(path, sine(SECONDS), codec="flac", tracks=2)  # the second is half as loud
    first, second = loudest(path), loudest(path, track=1)
    assert first == pytest.approx(2 * second, rel=0.01)
    with pytest.raises(InvalidRequest, match=r"two\.mka"):
        open_track(path, track=2, channel=None)


def test_one_of_several_channels_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack((sine(SECONDS), 0 * sine(SECONDS)), axis=1), 16_000)
    assert loudest(path, channel=0) == pytest.approx(2 * loudest(path), rel=0.01)
    assert loudest(path, channel=1) == 0
    with pytest.raises(InvalidRequest, match=r"stereo\.wav"):
        open_track(path, track=0, channel=2)


def test_a_track_of_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Bonjour. " * 100)
    with pytest.raises(UnsupportedAudio, match="text"):
        open_track(tmp_path / "text", track=0, channel=None)
    with pytest.raises(InvalidRequest, match="none"):
        open_track(tmp_path / "none", track=0, channel=None)
