"""UprootError and its children: what happened, to what, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

__all__ = [
    "AlreadyPaid",
    "AmbiguousLabel",
    "AttachFailed",
    "BadAction",
    "BadAddress",
    "BadApp",
    "BadArguments",
    "BadEntry",
    "BadField",
    "BadLanguage",
    "BadLanguageFile",
    "BadMarket",
    "BadPage",
    "BadPayment",
    "BadPayoff",
    "BridgeRefused",
    "BridgeSilent",
    "ClaimLost",
    "ClosedRun",
    "CopiedLog",
    "CorruptLog",
    "Forbidden",
    "ForeignJournal",
    "FrozenCode",
    "LackingPrivilege",
    "LockedPlace",
    "LogAway",
    "LogBusy",
    "LostEvents",
    "MissingName",
    "MissingPackage",
    "MovedLog",
    "NoEntries",
    "NoSuchPlace",
    "NotALog",
    "NotExportable",
    "NotLive",
    "OrderRefused",
    "Refused",
    "ReservedName",
    "SessionClosed",
    "SessionElsewhere",
    "SessionExists",
    "SessionTaken",
    "SimulationsInterrupted",
    "StalePage",
    "TooManyAtOnce",
    "UnfinishedErasure",
    "UnfitPlace",
    "UnknownAction",
    "UnknownField",
    "UnknownModel",
    "UnknownPlayer",
    "Unstorable",
    "UprootError",
    "WrongRecipient",
]


class UprootError(Exception):
    """Something in the experiment or its use is wrong; the message says what to do."""


class Refused(UprootError):
    """A refusal with a message for the participant.

    Raise it in a live method; only the caller sees the message:

        raise Refused("The market has closed.")
    """


class OrderRefused(Refused):
    """A market refuses an order; the book is unchanged.

    `code` is the reason in one word, for scripts and data. The message is for the participant, with
    values in place of their names: `OrderRefused("wait", "Wait {n} s.", n=5)`.
    """

    def __init__(self, code: str, message: str, /, **values: object) -> None:
        self.code = code
        super().__init__(message.format(**values) if values else message)


class BadMarket(UprootError):
    """A market's settings are wrong."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}\n{remedy}")


class SimulationsInterrupted(KeyboardInterrupt):
    """`simulate_markets` was interrupted; what is done is in `result`.

    In the next cell it is `sys.last_value.result`.
    """

    def __init__(self, result: Any, done: int, total: int, folder: str = "") -> None:
        self.result, self.done, self.total = result, done, total
        """The tables of the finished markets, the number of these, and the number of all."""
        self.folder = folder
        rest = (
            "The same call goes on from there." if folder
            else "They are in sys.last_value.result. With folder=…, the same call could go on."
        )  # fmt: skip
        super().__init__(f"{done} of {total} markets are done. {rest}")


class StepInterrupted(UprootError):
    """The researcher interrupted code of the experiment that ran for too long."""

    def __init__(self) -> None:
        super().__init__(
            "This code was interrupted by run.interrupt() or by an interrupt of the kernel."
        )


class BadArguments(UprootError):
    """A browser called a live method with arguments that do not match its signature."""

    def __init__(self, method: str, parameter: str, reason: str, problem: str = "") -> None:
        self.method, self.parameter, self.reason = method, parameter, reason
        self.problem = problem
        """Pydantic's type of error: "missing_argument", "float_parsing" …"""
        super().__init__(f"{method}: {parameter}: {reason}")


class BadEntry(UprootError):
    """The class of a model's entries has a mistake, or an entry does not match its class."""

    def __init__(self, entry: str, what: str, remedy: str) -> None:
        self.entry, self.what, self.remedy = entry, what, remedy
        super().__init__(f"{entry}: {what}\n{remedy}")


class NotLive(UprootError):
    """A browser called a method that is not marked with @live."""

    def __init__(self, page: str, method: str) -> None:
        self.page, self.method = page, method
        super().__init__(
            f"{page}.{method} is not a live method.\n"
            f"Put @live above 'def {method}' and run the cell again."
        )


class StalePage(UprootError):
    """A browser sent a call from a page that its player has left."""


class BadPage(UprootError):
    """A page class has a mistake; the message names the class, the line and the remedy."""

    def __init__(self, page: str, what: str, remedy: str, where: str = "") -> None:
        self.page, self.what, self.remedy, self.where = page, what, remedy, where
        place = f" ({where})" if where else ""
        super().__init__(f"{page}{place}: {what}\n{remedy}")


class ArmsFull(UprootError):
    """Every arm of a treatment has as many players as its cap allows; nobody got an arm."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"balanced(key={key!r}): every arm is full.\n"
            'Catch ArmsFull, and end the participation: leave(player, "full").'
        )


class BadExit(UprootError):
    """An exit has a mistake; the message names the exit and the remedy."""

    def __init__(self, exit: str, what: str, remedy: str) -> None:
        self.exit, self.what, self.remedy = exit, what, remedy
        super().__init__(f"The exit {exit}: {what}\n{remedy}")


class BadApp(UprootError):
    """An app folder cannot be loaded; the message names the app, the place and the remedy."""

    def __init__(self, app: str, what: str, remedy: str, where: str = "") -> None:
        self.app, self.what, self.remedy, self.where = app, what, remedy, where
        place = f" ({where})" if where else ""
        super().__init__(f"The app '{app}'{place}: {what}\n{remedy}")


class MissingName(UprootError, ImportError):
    """An app imports a name from `uproot` that uproot_nb does not have."""

    def __init__(self, module: str, missing: str, where: str = "") -> None:
        self.module, self.missing, self.where = module, missing, where
        place = f" ({where})" if where else ""
        what = f"{module}.{missing}" if missing else module
        ImportError.__init__(
            self,
            f"uproot_nb has no '{what}'{place}.\n"
            "Remove the import, or define the name in the app. See docs/from_uproot.md.",
            name=module,
        )


class MissingPackage(UprootError, ModuleNotFoundError):
    """An app imports a package that is not installed."""

    def __init__(self, app: str, module: str, package: str, where: str = "") -> None:
        self.app, self.package, self.where = app, package, where
        place = f" ({where})" if where else ""
        ModuleNotFoundError.__init__(
            self,
            f"The app '{app}'{place} needs '{module}', which is not installed.\n"
            f"Install it with '%pip install {package}' and load the app again. If it is another "
            "app, put its folder beside this one.",
            name=module,
        )


class NotExportable(UprootError):
    """An experiment uses features that an app folder cannot have; `problems` lists them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        listed = "\n".join(f"- {problem}" for problem in problems)
        super().__init__(f"This experiment cannot be exported as an app:\n{listed}")


class BadField(UprootError):
    """The declaration of a form field has a mistake; the message says how to correct it."""

    def __init__(self, field: str, what: str, remedy: str) -> None:
        self.field, self.what, self.remedy = field, what, remedy
        super().__init__(f"{field}: {what}\n{remedy}")


class BadLanguage(UprootError, ValueError):
    """A value is not a language code."""

    def __init__(self, language: object) -> None:
        self.language = language
        super().__init__(
            f"{language!r} is not a language code.\n"
            "Pass an ISO 639 code, with or without a region: 'de', 'pt-BR', 'yue'."
        )


class BadLanguageFile(UprootError):
    """A translation file cannot be read; the message names the file, the line and the remedy."""

    def __init__(self, path: str, line: int, what: str, remedy: str) -> None:
        self.path, self.line, self.what, self.remedy = path, line, what, remedy
        place = f"{path}, line {line}" if line else path
        super().__init__(f"{place}: {what}\n{remedy}")


class ReservedName(UprootError, AttributeError):
    """An author assigned to a reserved name."""

    def __init__(self, subject: str, name: str) -> None:
        self.subject, self.name = subject, name
        super().__init__(
            f"{subject}.{name} cannot be set: '{name}' is reserved by uproot_nb.\n"
            f"Choose another name, for example 'my_{name.strip('_')}'."
        )


class UnknownField(UprootError, AttributeError):
    """A field was read that has not been set."""

    def __init__(self, subject: str, name: str, hint: str = "") -> None:
        self.subject, self.name = subject, name
        super().__init__(
            f"{subject} has no field '{name}'.\n{hint}"
            f"Set it first (for everyone in new_player), or read it with .get('{name}', default)."
        )


class Unstorable(UprootError, TypeError):
    """A value was assigned that cannot be stored in the log."""

    def __init__(self, value_type: str, reason: str = "", field: str = "") -> None:
        self.value_type, self.reason, self.field = value_type, reason, field
        what = f"{field} cannot hold" if field else "The log cannot hold"
        why = f" ({reason})" if reason else ""
        super().__init__(
            f"{what} a value of type {value_type}{why}.\n"
            "Store numbers, text, dates, lists, dicts, sets, dataclasses, arrays or frames instead."
        )

    def at(self, field: str) -> Unstorable:
        """Return the same error with the name of the *field*."""
        return Unstorable(self.value_type, self.reason, field)


class NoStrangersLeft(UprootError):
    """No matching is left in which nobody meets somebody again."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what}\nPlay fewer rounds, or bring more players; strangers() lets people meet again."
        )


class BadPayoff(UprootError, ValueError):
    """Something that is not a number was assigned to `player.payoff`."""

    def __init__(self, subject: str, value: object) -> None:
        self.subject, self.value = subject, value
        super().__init__(
            f"{subject}.payoff cannot be {value!r:.200}: it is not a finite number.\n"
            "Assign a number, such as 12.5 or \"12.50\"; 'del player.payoff' removes a payoff."
        )


class BadPayment(UprootError):
    """A payment rule has a mistake, or cannot be applied to somebody."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}\n{remedy}")


class AlreadyPaid(UprootError):
    """Somebody who is already marked as paid was to be marked again."""

    def __init__(
        self, player: str, amount: str, currency: str, time: float, called: str = ""
    ) -> None:
        self.player, self.amount, self.currency, self.time = player, amount, currency, time
        when = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
        super().__init__(
            f"{called or player} has been marked as paid since {when} UTC: {amount} {currency}.\n"
            "Nobody was marked now. Leave them out; or, if the money was never sent, call "
            "run.mark_unpaid(player)."
        )


class WrongRecipient(UprootError, TypeError):
    """A push was addressed to something that is not a player."""

    def __init__(self, recipient: object) -> None:
        self.recipient = recipient
        super().__init__(
            f"{recipient!r} ({type(recipient).__name__}) cannot receive a notification.\n"
            "Pass a player, a player's identifier, players(session), or any iterable of these."
        )


class UnknownPlayer(UprootError, KeyError):
    """The session or group has no player with that name, label or number."""

    def __init__(self, key: object, where: str) -> None:
        self.key, self.where = key, where
        super().__init__(key)

    def __str__(self) -> str:
        return f"There is no player {self.key!r} in {self.where}.\nrun.links lists all players."


class AmbiguousLabel(UprootError, LookupError):
    """Several players have the label that was to identify one.

    Attributes:
        label: the label.
        names: the names of the players.
    """

    def __init__(self, label: str, names: Sequence[str]) -> None:
        self.label, self.names = label, tuple(names)
        shown = ", ".join(names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        super().__init__(
            f"Several players have the label {label!r}: {shown}{more}.\nGive one of these names."
        )


class UnknownModel(UprootError, LookupError):
    """There is no model with that identifier, or its run is unknown."""

    def __init__(self, model: object, what: str, remedy: str) -> None:
        self.model, self.what, self.remedy = model, what, remedy
        super().__init__(f"{model!r}: {what}\n{remedy}")


class NoEntries(UprootError, LookupError):
    """The latest entry of a model was requested, and the model has none."""

    def __init__(self, model: str, kind: str) -> None:
        self.model, self.kind = model, kind
        super().__init__(
            f"{model} has no entry of type {kind} yet.\n"
            "Check first whether get_entries(...) returns any."
        )


class SessionTaken(UprootError):
    """Another kernel is serving the session; a session has one writer."""

    def __init__(self, session: str, path: str, writer: str = "") -> None:
        self.session, self.path, self.writer = session, path, writer
        who = f" ({writer})" if writer else ""
        super().__init__(
            f"The session '{session}' in {path} is being served by another kernel{who}.\n"
            "Close it there (run.close()) or shut that kernel down, or serve under another name."
        )


class ClaimLost(SessionTaken):
    """Another kernel has taken the session over; this one commits and publishes nothing more."""

    def __init__(self, session: str, path: str, writer: str) -> None:
        self.session, self.path, self.writer = session, path, writer
        UprootError.__init__(
            self,
            f"The session '{session}' in {path} was taken over by {writer or 'another kernel'}.\n"
            "This run has stopped: it commits and shows nothing more. Everything that was "
            "acknowledged before is in the database.",
        )


class SessionExists(UprootError):
    """A program that executes the notebook would continue a session in the database by accident."""

    def __init__(self, session: str, path: str, runner: str) -> None:
        self.session, self.path, self.runner = session, path, runner
        super().__init__(
            f"This notebook is being executed by {runner}, and the session '{session}' is already "
            f"in {path}: its participants would come here, until the kernel ends.\n"
            f"To look at its data, use open_log({path!r}, {session!r}). To begin another session, "
            "give another name. To continue this one even so: serve(..., take_over=True)."
        )


class SessionClosed(UprootError):
    """The kernel that served a session has closed it, so no standby takes it over."""

    def __init__(self, session: str, path: str) -> None:
        self.session, self.path = session, path
        super().__init__(
            f"The session '{session}' in {path} was closed by the kernel that served it.\n"
            "There is nothing to take over. Start the command again to open the session again."
        )


class CopiedLog(UprootError):
    """The log is a copy; serving it would give the session the links of the original."""

    def __init__(self, session: str, path: str, original: str) -> None:
        self.session, self.path, self.original = session, path, original
        super().__init__(
            f"{path} is a copy of {original}, the log of the session '{session}'.\n"
            "Participants' links lead to the original. To give the copy its own links, call "
            "serve(..., copy=True) or use another name. To continue in the copy with the same "
            "links, call serve(..., take_over=True)."
        )


class NotALog(UprootError):
    """A file is not a log of uproot_nb, or is from a newer version; it was not changed."""

    def __init__(self, path: str, reason: str, remedy: str) -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(f"{path} cannot be opened: {reason}.\n{remedy}")


class CorruptLog(UprootError):
    """A log file is damaged, and its journal cannot repair it."""

    def __init__(self, path: str, reason: str, remedy: str = "") -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} is damaged: {reason}.\n"
            + (remedy or "Make a copy of the file, then try 'sqlite3 FILE .recover' on the copy.")
        )


class LostEvents(CorruptLog):
    """Events that a killed process had committed are missing from the log."""

    def __init__(self, path: str, session: str, last: int, committed: int, hint: str) -> None:
        self.session, self.last, self.committed = session, last, committed
        self.path, self.reason = path, f"events of '{session}' are missing"
        UprootError.__init__(
            self,
            f"{path} has the events of '{session}' up to {last}, but {committed} were committed "
            f"before its process was killed. {hint}\n"
            f"To continue without them, run: uproot-nb check {path} --accept-loss",
        )


class ForeignJournal(NotALog):
    """A journal (-wal) beside a log belongs to another file; neither was changed."""


class MovedLog(UprootError):
    """The log file was moved, deleted or replaced while it was in use."""

    def __init__(self, path: str, rescue: str) -> None:
        self.path, self.rescue = path, rescue
        super().__init__(
            f"{path} was moved, deleted or replaced while it was in use.\n"
            f"Put it back, together with its -wal, or a copy will be written to {rescue} in a few "
            "seconds."
        )


class LogBusy(UprootError):
    """Another program has locked the log file; new events wait."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"Another program has locked {path}.\nClose it there, or use another file with db=."
        )


class UnfinishedErasure(UprootError):
    """Somebody's data were to be erased, and the file may still have bytes of them.

    If *is_hidden*, no table and no reader shows them any more; otherwise nothing has changed.
    """

    def __init__(self, path: str, reason: str, is_hidden: bool = True) -> None:
        self.path, self.reason, self.is_hidden = path, reason, is_hidden
        left = (
            f"The data are erased from every table of {path}, but their old bytes may still be in "
            f"the file: {reason}."
            if is_hidden
            else f"The data are still in {path}, which could not be written: {reason}."
        )
        super().__init__(
            f"{left}\nErase again once the disk has space and nobody else uses the file. "
            "If the erasure has begun, serving the session finishes it, too."
        )


class NoSuchPlace(UprootError, FileNotFoundError):
    """The file or the folder of a log does not exist."""

    def __init__(self, what: str, path: str) -> None:
        self.path = path
        UprootError.__init__(
            self, f"The {what} {path} does not exist.\nCreate it, or use another path with db=."
        )


class LockedPlace(UprootError, PermissionError):
    """Permission to read or write the file or folder of a log is missing."""

    def __init__(self, what: str, path: str, may_not: str) -> None:
        self.path = path
        UprootError.__init__(
            self,
            f"The {what} {path} cannot be {may_not}: permission denied.\n"
            "Change its permissions, or use another path with db=.",
        )


class UnfitPlace(UprootError, OSError):
    """The file system cannot hold a log, for example because it lacks locks or shared memory."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        UprootError.__init__(
            self,
            f"{path} cannot be used in this folder: {reason}. Network and cloud folders often lack "
            "locks or shared memory.\nUse a path on a local disk with db=.",
        )


class BadAddress(UprootError, ValueError):
    """The address of a database cannot be read; it may have a password, and is not shown."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        UprootError.__init__(
            self,
            f"The address of the database cannot be used: {reason}.\n"
            "Write it as postgresql://USER@HOST:PORT/DATABASE, and characters such as @ / : ? # "
            "within a name or password as %40 %2F %3A %3F %23.",
        )


class LogAway(UprootError):
    """A database cannot be reached or written at the moment; the kernel tries again."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"The database {path} cannot be used at the moment: {reason}.\n"
            "Check that it is running, accepts connections, and has space on its disk."
        )


class LackingPrivilege(UprootError, PermissionError):
    """The role in a database's address may not do what is necessary."""

    def __init__(self, path: str, what: str, reason: str) -> None:
        self.path, self.what, self.reason = path, what, reason
        UprootError.__init__(
            self,
            f"The role of {path} may not {what}: {reason}.\n"
            "Use another role, or ask the database's administrator to grant this: "
            "docs/postgresql.md has the commands.",
        )


class FrozenCode(UprootError):
    """A page was redefined while the session is frozen."""

    def __init__(self, page: str, session: str, headless: bool = False) -> None:
        self.page, self.session = page, session
        option = " Or start it with `uproot-nb run --editable`." if headless else ""
        super().__init__(
            f"{page} was redefined, but the session '{session}' is frozen: the old code remains "
            f"in use.\nTo use the new code, call run.thaw(), and run this cell again.{option}"
        )


class Forbidden(UprootError):
    """A viewer tried to steer."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__("Viewers cannot steer, and nothing was done.\nAsk for a steward's access.")


class UnknownAction(UprootError):
    """There is no action with that name."""

    def __init__(self, what: str, known: Iterable[str]) -> None:
        self.what = what
        super().__init__(f"There is no action {what!r}.\nThere are {', '.join(known)}.")


class AttachFailed(UprootError):
    """A run elsewhere could not be read or steered: its server refused, or did not answer.

    Attributes:
        status: the HTTP status; 0 without an answer.
        is_ours: whether the sentence is one of uproot_nb's server.
    """

    def __init__(self, sentence: str, status: int = 0, is_ours: bool = False) -> None:
        self.status, self.is_ours = status, is_ours
        super().__init__(sentence)


class TooManyAtOnce(UprootError):
    """A request exceeds a limit that earlier requests have used up."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what}, and that is the limit.\nAsk again later.")


class BadAction(UprootError, ValueError):
    """An action got arguments that it does not take; nothing was done."""

    def __init__(self, what: str, problem: str, remedy: str) -> None:
        self.what, self.problem, self.remedy = what, problem, remedy
        super().__init__(f"{what}: {problem}; nothing was done.\n{remedy}")


class ClosedRun(UprootError):
    """A run was used after it was closed."""

    def __init__(self, session: str) -> None:
        self.session = session
        super().__init__(
            f"The run of session '{session}' is closed.\n"
            f"Call serve(name='{session}') to continue it."
        )


class BridgeRefused(UprootError):
    """The participant server refused the kernel."""

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(self._words())

    def _words(self) -> str:
        return f"The participant server at {self.address} refused this kernel: {self.reason}"


class SessionElsewhere(BridgeRefused):
    """Another kernel is serving the session, with its participants, from another file."""

    def _words(self) -> str:
        return (
            f"This session is being served by another kernel, from {self.address}.\n"
            "Its participants stay there. Close it there (run.close()), give this session its own "
            "links with serve(..., copy=True) or another name, or take over the participants with "
            "serve(..., take_over=True)."
        )


class BridgeSilent(BridgeRefused):
    """The participant server does not answer: it hangs or is shutting down."""

    def _words(self) -> str:
        return f"The participant server at {self.address} does not answer: {self.reason}"


class BrokerSilent(BridgeSilent):
    """No NATS server answers at the bridge's address."""

    def _words(self) -> str:
        return f"No NATS server answers at {self.address}: {self.reason}"


class BrokerRefused(BridgeRefused):
    """The NATS server refused the connection."""

    def _words(self) -> str:
        return f"The NATS server at {self.address} refused the connection: {self.reason}"
