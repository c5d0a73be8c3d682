"""Captioner beside other streaming Whisper servers: the same tracks, model, pace and judge."""
