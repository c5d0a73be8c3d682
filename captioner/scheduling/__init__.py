"""Which rows the engine decodes next, and the one loop that makes it do so."""
