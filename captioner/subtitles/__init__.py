"""Subtitle files: what was said, cut into cues and written in the formats that players read.

``cues`` has the values, ``layout`` cuts and times, ``typography`` sets French text, and each
format has its module, with one pure ``render``; ``formats`` finds them by name.
"""
