"""Simulations: many markets on all cores, or on the machines of a cluster."""
