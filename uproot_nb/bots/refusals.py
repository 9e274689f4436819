"""The errors of bots: refusals that a participant would read, and what ends a bot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from uproot_nb.errors import UprootError

__all__ = [
    "CallRefused", "Disconnected", "FormRefused", "NoPage", "PageLeft", "SessionEnded", "Stuck",
]  # fmt: skip


class CallRefused(UprootError):
    """A live method refused a call; `message` is the participant's sentence."""

    def __init__(self, method: str, error: str, message: str, parameter: str | None = None) -> None:
        self.method, self.error, self.message = method, error, message
        self.parameter = parameter
        super().__init__(message)


class FormRefused(UprootError):
    """A form was shown again: `errors` are the sentences by field, `form_errors` all others."""

    def __init__(
        self, page: str, errors: Mapping[str, Sequence[str]], form_errors: Sequence[str] = ()
    ) -> None:
        self.page = page
        self.errors = {name: list(texts) for name, texts in errors.items()}
        self.form_errors = list(form_errors)
        refused = [f"{name}: {' '.join(texts)}" for name, texts in self.errors.items()]
        super().__init__(f"{page} was not accepted. " + " · ".join([*refused, *self.form_errors]))


class PageLeft(UprootError):
    """The player went on to another page while something of the old one was awaited."""

    def __init__(self, page: str, what: str) -> None:
        self.page = page
        super().__init__(f"The page {page} was left before {what}.")


class NoPage(UprootError):
    """An address has no page for a participant, or its page failed."""

    def __init__(self, status: int, player: str, why: str) -> None:
        self.status, self.player = status, player
        super().__init__(f"{player} gets no page (HTTP {status}): {why}")


class Disconnected(UprootError):
    """The server closed the connection for good; `code` says why."""

    def __init__(self, code: int, player: str) -> None:
        self.code = code
        super().__init__(f"The server closed the connection of {player} for good ({code}).")


class SessionEnded(UprootError):
    """The session was closed while a bot was taking part."""

    def __init__(self, player: str) -> None:
        super().__init__(f"The session of {player} has ended.")


class Stuck(UprootError):
    """A bot cannot get on: what it tried on a page was never accepted."""

    def __init__(self, page: str, why: str) -> None:
        self.page, self.why = page, why
        super().__init__(f"Stuck on {page}: {why}")
