"""Recorded sessions, run again and compared."""
