"""Stands before the package of this name, without which jsonschema checks no address.

That package compiles a grammar of addresses in all alphabets whenever a Jupyter server starts,
which takes longer than the rest of the start.
"""

raise ImportError("Left out, so that a server starts sooner.")
