"""Server warnings: what a researcher reads of other kernels and runs at the same server."""

from __future__ import annotations

from uproot_nb.bridge.messages import RoomShared, TakenOver

__all__ = ["warning_of"]


def warning_of(message: TakenOver | RoomShared, session: str) -> str:
    """Return what the researcher of a session reads."""
    if isinstance(message, TakenOver):
        return (
            f"Another kernel serves the session '{session}' now, from {message.origin}.\n"
            "Its participants are there; changes made here reach nobody. "
            "Close this run: run.close()."
        )
    room = repr(message.name)
    if message.other_has_it:
        return (
            f"The session '{message.other}' also has the room {room}, and came later: people "
            f"who come to the room enter '{message.other}', not '{session}'.\n"
            f"Remove the room from one of the two (run.room({room}).remove()), or close that run."
        )
    return (
        f"The session '{message.other}', which is still open, also has the room {room}: people "
        f"who come to the room now enter '{session}', not '{message.other}'."
    )
