"""Databases and dumps of the framework uproot, read as logs of ours."""
