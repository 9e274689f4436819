"""What authors say about how participants come in: labels, and ways in."""
