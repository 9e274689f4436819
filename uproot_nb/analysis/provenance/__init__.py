"""Provenance: which code, settings and versions a session's data come from."""
