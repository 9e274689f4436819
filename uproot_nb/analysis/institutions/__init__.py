"""An institution's tables, from the log of a session."""
