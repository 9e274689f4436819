"""A run that another kernel serves: seen by a copy of its log, and steered by requests."""
