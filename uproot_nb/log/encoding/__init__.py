"""How values become JSON text and are read back, one file per kind of value."""
