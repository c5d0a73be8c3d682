"""How captions are scored: one set of rules for every figure that this project publishes.

``truth`` is what was really said, ``normalisation`` with ``numbers`` says what a word is, ``edits``
counts errors.

Live captions: ``display`` records what a reader saw and when, ``matching`` finds its words in the
last text, ``score`` measures one track, ``summary`` a run, ``word_times`` the times of words.

Transcripts: ``utterances`` are what is compared, ``alignment`` puts them side by side word for
word, ``characters`` counts errors in letters, ``comparison`` judges one transcript and ``tally``
many, ``interval`` says how sure that is, ``diff`` chooses what to show.
"""
