"""Participants without browsers: they read real pages, send their forms and call live methods."""
