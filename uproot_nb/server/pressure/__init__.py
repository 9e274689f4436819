"""Backpressure: nobody can fill the memory of the server or of a kernel, or delay others."""
