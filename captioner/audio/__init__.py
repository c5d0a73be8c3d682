"""Audio in: bytes in every accepted format become 16 kHz mono float32, then log-mel features.

``format`` says what a live track's bytes mean, ``stream`` decodes them as they arrive, ``mel``
computes what the model hears. ``pcm``, ``opus``, ``resample`` and ``buffer`` are the parts they are
made of.

``files`` decodes recordings, in processes that may do nothing else: ``sources`` opens what is read,
``decoder_pool`` and ``decoder_process`` keep the processes, ``messages`` is what they say. The
processes run ``decoder_main``: ``sandbox`` gives up their rights, ``container``, ``decoder`` and
``mixer`` do the work, on a ``file_view``.
"""
