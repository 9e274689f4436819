"""The log: events, their encoding, the files that store them, and the state that they add up to."""
