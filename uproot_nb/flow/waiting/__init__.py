"""Wait pages: who waits for whom, the groups that are made, and who is still there."""
