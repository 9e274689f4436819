"""Designs: what an experimenter decides about a market before anybody trades."""
