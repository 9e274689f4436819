"""Participants without browsers: they speak the wire, and press the buttons, of real pages."""
