"""Participant servers that kernels find over NATS."""
