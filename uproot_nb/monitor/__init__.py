"""The monitor: a widget that shows a running session, and what feeds it."""
