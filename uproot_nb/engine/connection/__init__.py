"""The connection of a session to its participant server, and what comes and goes by it."""
