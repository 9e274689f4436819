"""Auctions: sealed bids, clocks, several units, and what theory says of them."""
