"""Apps of oTree, translated into notebooks."""
