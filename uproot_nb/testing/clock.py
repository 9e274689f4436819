"""SteppedLoop: an event loop whose time stands still until a test lets it pass."""

from __future__ import annotations

from collections.abc import Callable

from uproot_nb.reruns.recorded_time import RecordedLoop

__all__ = ["SteppedLoop"]


class SteppedLoop(RecordedLoop):
    """Runs timers at their own time, without waiting.

    loop = SteppedLoop(lock, 1764000000.0)
    await loop.advance(loop.now + 60)
    await loop.pass_until(task.done, seconds=60)
    """

    async def pass_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let time pass until *condition* holds, at most so many seconds; return whether it does.

        Everything that can happen at the present moment happens first.
        """
        end = self.now + seconds
        await self.settle()
        while not condition() and (due := self._next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            await self.settle()
        return condition()
