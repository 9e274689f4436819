"""Six hosts that serve one session, the network between them, and what may happen to both."""
