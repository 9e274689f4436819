"""How the participant server behaves."""
