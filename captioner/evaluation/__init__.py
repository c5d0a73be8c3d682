"""How captions are scored: one set of rules for every figure that this project publishes.

``normalisation`` says what a word is, ``edits`` counts errors, ``display`` records what a reader
saw and when, ``score`` measures one track, ``summary`` a run, ``word_times`` the times of words.
"""
