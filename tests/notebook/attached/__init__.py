"""Tests of runs that are attached to from elsewhere."""
