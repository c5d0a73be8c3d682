"""The captions of a room, published once and followed by any number of readers.

    session ──▶ RoomPublisher ──▶ RoomHub ──▶ RoomLog ◀── Cursor ◀── Follower ──▶ front door
    session ──▶  bounded, in       memory      finals       one a follower: where it
    session ──▶  order, retries    or Redis    + interims   is, and what it has shown

A **final** is kept: it gets a `Position`, an epoch and a number that grows, and stays in the
history until that is too long or too old. An **interim** is not: the log holds the latest one of
each caption, and forgets it when its final comes. So a follower needs no queue. Its cursor is a
place in the shared history, and a note of the interims that it was told of; what it gets next is
decided when it asks for it. A reader that asks rarely misses interims that newer ones replaced,
never a final, and costs neither the publisher nor other readers anything.

What a follower gets, in order:

    finals that are kept  ──▶  interims shown now  ──▶  CaughtUp  ──▶  finals and interims as they
    after its position                                                 come  ──▶  RoomEnded

- A position that is not one of the room's (another epoch, or no longer kept) gives a `Reset`, then
  everything that is kept. The same happens to a follower so slow that the history left it behind.
  Nothing is ever missing without a `Reset`.
- An interim never comes after its final, and never stays: a final, perhaps empty, takes its place,
  or a `Retracted`, when its session went away without one.
- Following a room in which nobody has spoken yet waits for it.

A room **opens** when its first session joins, and **ends** when it is told to, or when its sessions
have been gone for a grace period. Its history can be read until it is too old. When somebody joins
an ended room it starts afresh, under a new epoch: the people of one meeting do not read the one
before. Sessions that were there when the room was told to end still have their last finals kept.

Publishing is idempotent: the finals of a session come in the order of their ids, so one whose id is
not beyond the last was published already. Each attachment of a session (the first, and one for each
resumption) is named, and the latest one to join is the only one that is heard: what a replica that
lost its client still finalizes cannot get in the way of the replica that resumed it.
"""
