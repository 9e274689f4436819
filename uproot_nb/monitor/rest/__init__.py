"""The REST API: a session's facts, events, exports and actions, for programs with a token."""
