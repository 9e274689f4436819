"""How players move: page order, hooks, waits, timeouts, dropouts, showing and submitting pages."""
