"""The tables of a log's file: how they are laid out, and how an older file gets them."""

from __future__ import annotations

__all__ = ["APPLICATION", "LAYOUT", "TABLES", "UPGRADE", "VERSION"]

APPLICATION = int.from_bytes(b"upnb")
"""SQLite's application_id of our files."""
VERSION = 2
"""SQLite's user_version: the layout below. Version 1 had no checksums and no claims."""

LAYOUT = """
CREATE TABLE events(
    seq INTEGER NOT NULL, time REAL NOT NULL, session TEXT NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, actor TEXT NOT NULL,
    page TEXT NOT NULL, cause TEXT NOT NULL, code TEXT NOT NULL, checksum INTEGER,
    PRIMARY KEY(session, seq)
) WITHOUT ROWID;
CREATE TABLE sessions(name TEXT NOT NULL UNIQUE, created REAL NOT NULL, checksum INTEGER);
CREATE TABLE secrets(session TEXT NOT NULL UNIQUE, secret BLOB NOT NULL, checksum INTEGER);
CREATE TABLE snapshots(
    session TEXT NOT NULL, seq INTEGER NOT NULL, state BLOB NOT NULL, checksum INTEGER,
    UNIQUE(session, seq)
);
CREATE TABLE claims(session TEXT NOT NULL UNIQUE, token TEXT NOT NULL, seq INTEGER NOT NULL);
"""
UPGRADE = """
ALTER TABLE events ADD COLUMN checksum INTEGER;
ALTER TABLE sessions ADD COLUMN checksum INTEGER;
ALTER TABLE secrets ADD COLUMN checksum INTEGER;
ALTER TABLE snapshots ADD COLUMN checksum INTEGER;
CREATE TABLE claims(session TEXT NOT NULL UNIQUE, token TEXT NOT NULL, seq INTEGER NOT NULL);
PRAGMA user_version = 2;
"""
TABLES = {
    1: {"events", "sessions", "secrets", "snapshots"},
    2: {"events", "sessions", "secrets", "snapshots", "claims"},
}
"""The tables by version."""
