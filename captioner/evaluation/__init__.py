"""How captions are scored: one set of rules for every figure that this project publishes.

``normalisation`` says what a word is, ``edits`` counts errors.

Live captions: ``display`` records what a reader saw and when, ``score`` measures one track,
``summary`` a run, ``word_times`` the times of words.

Transcripts: ``utterances`` are what is compared, ``alignment`` puts them side by side,
``comparison`` judges one and ``tally`` many, ``interval`` says how sure that is, ``diff`` chooses
what to show.
"""
