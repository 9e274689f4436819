"""LiveMethod: a method of a page that participants' browsers may call."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload

from uproot_nb.errors import BadArguments, BadPage

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["PLAIN_TYPES", "LiveMethod", "client_seconds", "live"]

Scope = Literal["group", "session"]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_READABLE = {
    "missing_argument": "is missing",
    "missing_keyword_only_argument": "is missing",
    "missing_positional_only_argument": "is missing",
    "unexpected_positional_argument": "is one argument too many",
    "unexpected_keyword_argument": "is not a parameter of this method",
    "multiple_argument_values": "was given twice",
}


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_PLAIN_TYPES = frozenset({"bool", "int", "float", "str", "list", "dict", "Decimal"})
PLAIN_TYPES = (
    *sorted(_PLAIN_TYPES), "Any", "Dict", "List", "Literal", "Optional", "Tuple", "Union", "bytes",
    "set", "tuple",
)  # fmt: skip
"""Names in annotations, to find what a misspelt one was meant to be."""


class LiveMethod:
    """A method marked with `@live`; only the decorator makes it."""

    def __init__(
        self,
        function: FunctionType,
        exclusive: Scope | None = None,
        thread: bool = False,
        repeatable: bool = False,
    ) -> None:
        self.function = function
        self.exclusive = exclusive
        self.thread = thread
        self.repeatable = repeatable
        self.name = function.__name__
        self.is_async = inspect.iscoroutinefunction(function)
        self._check_shape()
        parameters = list(inspect.signature(function).parameters.values())
        self._given = [parameter.name for parameter in parameters[:2]]
        self._parameters = parameters[2:]
        self._validate: Callable[..., Arguments] | None = None
        self.__doc__ = function.__doc__
        self.__name__, self.__qualname__ = function.__name__, function.__qualname__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __get__(self, page: object, owner: type | None = None) -> Callable[..., Any]:
        """Return the method for a call from a cell: `Market.post_offer(player, 3.0)`."""
        return functools.partial(self.function, owner if page is None else page)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def accept(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
        """Return the arguments, converted to the annotated types.

        Raises:
            BadArguments: the browser's arguments do not match; names the parameter and the reason.
        """
        import pydantic  # lazy: it is large, and many experiments have no live methods

        for name in kwargs:
            if name in self._given or name == "self":  # pydantic's own call has a 'self'
                reason = "is not a parameter of this method"
                raise BadArguments(self.name, name, reason, "unexpected_keyword_argument")
        validate = self._validate or self.prepare()
        try:
            return validate(*args, **kwargs)
        except pydantic.ValidationError as error:
            raise self._explain(error) from None

    def prepare(self, names: Mapping[str, Any] | None = None) -> Callable[..., Arguments]:
        """Build the validator from the annotations.

        Args:
            names: names for annotations, besides the globals of the method's module.

        Raises:
            NameError: an annotation names a class that is not defined yet.
        """
        self._validate = validator = _arguments_validator(self.function, names)
        return validator

    def prepare_once(self) -> None:
        """Build the validator if there is none yet.

        Raises:
            NameError: an annotation names a class that is not defined.
        """
        if self._validate is None:
            self.prepare()

    def _check_shape(self) -> None:
        function = self.function
        if not _takes_first(function, "page", "player"):
            self._refuse(
                "a live method takes 'page' and 'player' first.",
                f"Write 'def {self.name}(page, player, ...)'.",
            )
        if self.name.startswith("_"):
            self._refuse(
                "a live method cannot have a private name: browsers could never call it.",
                f"Rename it to '{self.name.lstrip('_') or 'offer'}', or remove @live.",
            )
        if self.thread and self.is_async:
            self._refuse(
                "@live(thread=True) is for slow methods without 'async'.",
                "Write 'def' instead of 'async def', or remove thread=True.",
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            self._refuse(
                "a live method returns one value, so it cannot 'yield'.",
                "Return a list, or push each value with notify().",
            )

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        where = f"line {self.function.__code__.co_firstlineno}"
        raise BadPage(self.function.__qualname__, what, remedy, where)

    def _explain(self, error: ValidationError) -> BadArguments:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = [*first["loc"]]
        head = place.pop(0) if place else 0
        if isinstance(head, int):
            head = self._name_of_argument(head)
        parameter = ".".join(str(part) for part in (head, *place))
        reason = _READABLE.get(first["type"], first["msg"])
        return BadArguments(self.name, parameter, reason, first["type"])

    def _name_of_argument(self, number: int) -> str:
        positional = [p for p in self._parameters if p.kind in _POSITIONAL]
        if number < len(positional):
            return positional[number].name
        rest = [p.name for p in self._parameters if p.kind is inspect.Parameter.VAR_POSITIONAL]
        return rest[0] if rest else f"argument {number + 1}"


def _takes_first(function: Callable[..., Any], *names: str) -> bool:
    """Return whether a function takes these arguments first, in this order.

    It may use other names for them, but not these names in another order, nor parameters that look
    like other arguments: with a default, or annotated as a plain type.
    """
    parameters = list(inspect.signature(function).parameters.values())
    first = parameters[: len(names)]
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in first):
        return True
    if len(first) < len(names) or any(p.kind not in _POSITIONAL for p in first):
        return False
    misplaced = any(p.name in names and p.name != names[n] for n, p in enumerate(first))
    displaced = any(p.name in names for p in parameters[len(names) :])
    return not misplaced and not displaced and not any(map(_is_plain_argument, first))


def _is_plain_argument(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return parameter.default is not inspect.Parameter.empty or name in _PLAIN_TYPES


def _arguments_validator(
    function: Callable[..., Any], names: Mapping[str, Any] | None
) -> Callable[..., Arguments]:
    """Return a function with the live method's signature that validates its arguments."""
    import pydantic  # lazy: see accept

    signature = inspect.signature(function, locals=names, eval_str=True)
    parameters = list(signature.parameters.values())[2:]
    for parameter in parameters:
        if isinstance(parameter.annotation, FunctionType):
            raise TypeError(f"{parameter.name} is annotated with a function, which is not a type.")

    def collect(*args: Any, **kwargs: Any) -> Arguments:
        return args, kwargs

    collect.__name__ = function.__name__
    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    collect.__annotations__ = {
        p.name: p.annotation for p in parameters if p.annotation is not inspect.Parameter.empty
    }
    return pydantic.validate_call(collect)


@overload
def live(function: Callable[..., Any], /) -> LiveMethod: ...
@overload
def live(
    *, exclusive: Scope | None = None, thread: bool = False, repeatable: bool = False
) -> Callable[[Callable[..., Any]], LiveMethod]: ...
def live(
    function: Callable[..., Any] | None = None,
    /,
    *,
    exclusive: Scope | None = None,
    thread: bool = False,
    repeatable: bool = False,
) -> LiveMethod | Callable[[Callable[..., Any]], LiveMethod]:
    """Let the participants who are on this page call the method from their browsers.

        class Market(Page):
            @live
            async def post_offer(page, player, price: float):
                player.my_offer = price
                return {"posted": price}

    In the page's JavaScript: `uproot.invoke("post_offer", 12.5).then(...)`. Arguments are checked
    against the annotations before the method runs.

    Args:
        exclusive: "group" or "session": such calls of one group (or session) never overlap, not
            even at an `await`.
        thread: run a slow method without `async` in a thread, beside the experiment's loop.
        repeatable: run a call again after a restart if the end of the kernel has interrupted it.
            Otherwise its caller gets the error "Interrupted".

    Raises:
        BadPage: the method does not take `page` and `player` first, has a private name, yields, or
            is not a function.
    """
    if function is not None and not _is_function(function):
        raise BadPage(
            "@live",
            f"it got {function!r}, which is not a method.",
            'Write @live above a def. Pass options by name: @live(exclusive="group").',
        )
    if exclusive not in (None, "group", "session"):
        raise BadPage(
            "@live",
            f"exclusive={exclusive!r} is unknown.",
            'Use exclusive="group" or exclusive="session".',
        )
    if function is None:
        return lambda method: LiveMethod(live(method).function, exclusive, thread, repeatable)
    plain_function: Any = getattr(function, "__func__", function)
    return LiveMethod(plain_function)


def _is_function(given: Any) -> bool:
    return isinstance(getattr(given, "__func__", given), FunctionType)


def client_seconds(value: Any) -> float | None:
    """Return the time that a browser sends with a call; None if it is not a finite number."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
