"""How much, and how fast, browsers may ask."""
