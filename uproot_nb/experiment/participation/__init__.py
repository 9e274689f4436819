"""Participation: what a participant must agree to, and must have, to take part in a page."""
