"""Erasing: what a log has of one person is removed from its events."""
