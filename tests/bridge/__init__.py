"""How the bridge behaves."""
