"""How each system is spoken to, in its own protocol."""
