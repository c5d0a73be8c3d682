"""Audio in: bytes in every accepted format become 16 kHz mono float32, then log-mel features.

``format`` says what a live track's bytes mean, ``stream`` decodes them as they arrive, ``files``
decodes recordings, ``mel`` computes what the model hears. ``pcm``, ``opus``, ``resample`` and
``buffer`` are the parts they are made of.
"""
