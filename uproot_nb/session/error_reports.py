"""ErrorReports: errors of authors' code, logged and shown to the researcher."""

from __future__ import annotations

import contextlib
import itertools
import sysconfig
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from uproot_nb.errors import BadPage, UprootError
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["ErrorReports", "readable", "text_of"]

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_TEMPLATES = str(Path(_PACKAGE) / "templates")
_FOREIGN = (_PACKAGE, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<frozen ")

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds for which equal errors are counted before they are logged again."""
MOST_KINDS = 1_000
"""Kinds of errors that are counted separately; the oldest are dropped."""
MOST_KINDS_OF_PLAYER = 20
"""Kinds of errors whose message comes from one participant's browser."""


class _Repeated:
    """A kind of error that has been logged, and how often it has occurred since."""

    def __init__(self, subject: str, value: Value, cause: Cause) -> None:
        self.subject, self.value, self.cause = subject, value, cause
        self.more, self.wait, self.due = 0, FIRST_WAIT, 0.0


Value = dict[str, object]
_Kind = tuple[object, ...]


class ErrorReports:
    """Reports errors of authors' code: an `error` event, and a traceback in the notebook.

    Equal errors are grouped: the first is logged and shown at once, later ones are counted and
    logged from time to time as one row with a `count`. So repeated errors cannot flood the log or
    the notebook.

    Args:
        show: shows a text in the output of the cell it belongs to.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        world: World,
        show: Callable[[str, Cause], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world, self._clock = world, clock
        self._show = show
        self._known: dict[_Kind, _Repeated] = {}
        self._waiting: dict[_Kind, _Repeated] = {}
        self._shown: set[_Kind] = set()
        self._kinds: Counter[str] = Counter()
        """The number of kinds reported by each player's browser."""

    def report(self, error: BaseException, cause: Cause, subject: str = "session") -> None:
        """Log and show an error with its traceback."""
        text = self.describe(error)
        value: Value = {
            "type": type(error).__name__, "message": text_of(error), "traceback": text,
        }  # fmt: skip
        if self._note(subject, value, cause):
            who = f" for {subject}" if subject != "session" else ""
            self._show(f"{_place(cause)}{who} failed:\n{text}", cause)

    def refused(self, kind: str, message: str, cause: Cause) -> None:
        """Log and show a refused call, which the page's own script should not make."""
        value: Value = {"type": kind, "message": readable(message)}
        self._note_from_browser(value, cause, "A call was refused")

    def script_error(self, message: str, source: str, cause: Cause, count: int) -> None:
        """Log and show an error of a page's JavaScript."""
        value: Value = {"type": "ScriptError", "message": readable(message), "source": source}
        self._note_from_browser(value, cause, "The script of this page failed", count)

    def shortened(self, message: str, cause: Cause) -> None:
        """Log and show that what a browser sent was too long to be stored whole."""
        value: Value = {"type": "Shortened", "message": readable(message)}
        self._note_from_browser(value, cause, "Something was too long")

    def misuse(self, what: str, count: int, subject: str) -> None:
        """Log requests that the participant server refused."""
        value: Value = {"type": "Misuse", "message": what}
        cause = Cause(subject.partition("/")[2], "", "participant server", "")
        self._note(subject, value, cause, count)

    def warn(self, message: str, cause: Cause) -> None:
        """Show a warning at once, and log it when the lock is free; any thread may call."""
        self._show(message, cause)
        value: Value = {"type": "Warning", "message": message}
        with contextlib.suppress(RuntimeError):  # the run was closed meanwhile
            self._world.loop.call_soon_threadsafe(self._note, "session", value, cause)

    def settle(self, everything: bool = False) -> None:
        """Log the counts that are due, or all of them."""
        if not self._waiting:
            return
        now = self._clock()
        with self._world.lock:
            for kind, repeated in list(self._waiting.items()):
                if everything or now >= repeated.due:
                    del self._waiting[kind]
                    self._log_more(repeated, now)

    def describe(self, error: BaseException) -> str:
        """Return the traceback as text, beginning at the authors' code.

        For a BadPage, which names the place in the template, and for errors without a frame of the
        authors' code, the message is enough.
        """
        frames = _authors_frames(error.__traceback__)
        if isinstance(error, BadPage) or (frames is None and isinstance(error, UprootError)):
            return readable(f"{type(error).__name__}: {error}\n")
        frames = frames or error.__traceback__
        trace = traceback.TracebackException(type(error), error, frames)
        _shorten(trace)
        return readable("".join(trace.format()))

    def _note_from_browser(self, value: Value, cause: Cause, what: str, count: int = 1) -> None:
        subject = f"player/{cause.actor}"
        if (subject, cause, *value.values()) not in self._known:
            self._kinds[subject] += 1
            if self._kinds[subject] > MOST_KINDS_OF_PLAYER:
                value = {"type": value["type"], "message": f"{what}, in still other words."}
                cause = cause._replace(cause="browser")
        is_new = self._note(subject, value, cause, count)
        if is_new and self._is_new_to_all(value, cause):
            source = f"\n{value['source']}" if value.get("source") else ""
            self._show(f"{what} ({cause.cause}, {subject}): {value['message']}{source}", cause)

    def _is_new_to_all(self, value: Value, cause: Cause) -> bool:
        """Return whether no browser has reported this before: the notebook shows it once."""
        kind: _Kind = (cause._replace(actor=""), *value.values())
        if kind in self._shown:
            return False
        if len(self._shown) >= MOST_KINDS:
            self._shown.clear()
        self._shown.add(kind)
        return True

    def _note(self, subject: str, value: Value, cause: Cause, count: int = 1) -> bool:
        """Log an error, or count it if it is known; return whether it is new."""
        kind: _Kind = (subject, cause, *value.values())
        with self._world.lock:
            known = self._known.get(kind)
            if known is None:
                self._forget_oldest()
                known = self._known[kind] = _Repeated(subject, value, cause)
                known.due = self._clock() + known.wait
                self._log(known, count)
                return True
            known.more += count
            self._waiting[kind] = known
            return False

    def _forget_oldest(self) -> None:
        if len(self._known) >= MOST_KINDS:
            kind = next(iter(self._known))
            forgotten = self._known.pop(kind)
            if self._waiting.pop(kind, None) is not None:
                self._log_more(forgotten, self._clock())

    def _log_more(self, repeated: _Repeated, now: float) -> None:
        """Log how often a known error has recurred, and count for longer the next time."""
        more, repeated.more = repeated.more, 0
        repeated.wait = min(2 * repeated.wait, LONGEST_WAIT)
        repeated.due = now + repeated.wait
        self._log(repeated, more)
        if "traceback" in repeated.value:
            times = "once more" if more == 1 else f"{more} more times"
            error = f"{repeated.value['type']}: {repeated.value['message']}"
            self._show(f"{repeated.cause.cause} failed {times}: {error}", repeated.cause)

    def _log(self, repeated: _Repeated, count: int) -> None:
        value = {**repeated.value, "count": count}
        world = self._world
        text = world.codec.encode(value)
        world.journal.write_for(repeated.cause, "error", repeated.subject, str(value["type"]), text)


def _place(cause: Cause) -> str:
    """Return which code failed, with the app of its page: "quiz/Ask.templatevars"."""
    app, slash, _ = cause.page.partition("/")
    return f"{app}/{cause.cause}" if slash else cause.cause


def _authors_frames(trace: TracebackType | None) -> TracebackType | None:
    """Skip the frames before the authors' first line: ours, Python's and installed packages'."""
    found = trace
    while found is not None and _is_foreign(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def _is_foreign(file: str) -> bool:
    return file.startswith(_FOREIGN) or "site-packages" in file or "dist-packages" in file


def _shorten(trace: traceback.TracebackException | None) -> None:
    """Begin an error's causes at the authors' first line, too; drop our templates and carets.

    Carets need the source parsed, and CPython's parser is not safe beside a cell's thread.
    """
    seen = 0
    while trace is not None and seen < 20:
        for frame in trace.stack:
            frame.colno = frame.end_colno = None
        own = list(itertools.dropwhile(lambda frame: _is_foreign(frame.filename), trace.stack))
        if own:
            trace.stack[:] = [it for it in own if not it.filename.startswith(_TEMPLATES)]
        trace, seen = trace.__cause__ or trace.__context__, seen + 1


def text_of(error: BaseException) -> str:
    """Return an exception's message, even if its `__str__` fails."""
    try:
        return readable(str(error))
    except BaseException:  # the border around authors' __str__, which may even call exit()
        return f"({type(error).__name__} without a readable message)"


def readable(text: str) -> str:
    """Return *text* as Unicode that can be stored: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
