"""Apps of the `uproot` framework: loaded as they stand, and written from a notebook."""
