"""Order flow as LOBSTER-style files: out of the tables of a market, and into a book again."""
