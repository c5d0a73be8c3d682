"""Where a text may be broken.

``phrases`` are the words as they are shown, ``stops`` says what punctuation makes of a break in any
language, and ``french`` what the grammar of French does, with ``grammar`` and ``lexicon``.
"""
