"""Strategies: robots that decide in institutions, in simulations and over connections."""
