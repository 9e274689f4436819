"""What an analyst gets: tables of a session, at any moment, and their export."""
