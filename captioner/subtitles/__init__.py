"""Subtitle files: what was said, cut into cues and written in the formats that players read.

``cues`` has the values, ``layout`` cuts and times, ``typography`` sets French text, and each
format has its module, with pure functions that write and read it; ``formats`` finds them by name.
``reading`` reads files of anybody, ``conversion`` writes them anew, ``check`` finds what in them
does not keep to a profile.
"""
