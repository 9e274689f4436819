"""Pages to trade on, and what their scripts are sent."""
