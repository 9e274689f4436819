"""What can be done to a session while it runs, and what is to be seen of it, for all who watch."""
