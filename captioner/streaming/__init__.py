"""One session's captions as a pure state machine: no event loop, no clock, no I/O."""
