"""Languages: the texts that uproot_nb shows to participants, and the reader of such files."""
