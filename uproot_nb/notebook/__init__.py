"""The researcher's side: serve, run, cells."""
