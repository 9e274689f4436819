"""Tests of the REST API in the kernel."""
