"""Speech recognition: the engine's contract, and Whisper on CTranslate2 behind it."""
