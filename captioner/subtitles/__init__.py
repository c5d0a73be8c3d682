"""Subtitle files: what was said, cut into cues and written in the formats that players read.

What there is:

* ``cues``: segments of speech, cues with the turns in them, provenance. ``profiles``: the limits
  of a layout. ``document``: what a file holds once it is read.

From speech to files, each using those before it:

* ``characters``, ``typography``: text that can be shown, with the spaces of French.
* ``breaking``: where text may be broken.
* ``layout``: segments become cues.
* ``formats``: files are written and parsed, one module for each format; found by name.

What is done with files that are there:

* ``reading``: any file becomes a document. ``conversion``: a document is written anew. ``check``:
  it is compared with a profile, for line ends by ``parted``.
"""
