"""What those who run a server watch: whether it is alive, and how it is doing."""
