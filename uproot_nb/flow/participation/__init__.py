"""Participation: consent given and declined, browsers' requirements met, attention logged."""
