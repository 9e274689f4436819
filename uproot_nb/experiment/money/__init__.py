"""Amounts, payoffs and payment rules: exact decimal numbers."""
