"""Captioner: live captions and transcription on the operator's own machines."""

__version__ = "0.1.0"
