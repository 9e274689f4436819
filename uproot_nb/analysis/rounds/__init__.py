"""Rounds: in which round and group something happened, and tables with a row or column for each."""
