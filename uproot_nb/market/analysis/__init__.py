"""Tables and statistics of recorded and simulated markets."""
