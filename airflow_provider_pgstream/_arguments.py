"""Arguments of operators, sensors and the hook: refused where they are wrong, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from airflow_provider_pgstream.exceptions import InvalidStreamTable

F = TypeVar("F", bound=Callable[..., Any])


def one_of(argument: str, value: Any, allowed: Collection[str]) -> Any:
    """
    Return a value if it is allowed.

    :raises InvalidStreamTable: naming what is.
    """
    if value not in allowed:
        raise InvalidStreamTable(f"{argument}={value!r} is not known: give one of {', '.join(allowed)}")
    return value


def parse_rendered(options: Any) -> None:
    """
    Give the fields of a frozen dataclass the type that they are declared with: a rendered template is text.

    :raises InvalidStreamTable: naming the argument that is something else.
    """
    for field in fields(options):
        parse = _PARSERS.get(str(field.type).removesuffix(" | None"))
        value = getattr(options, field.name)
        if parse is not None:
            is_nothing = str(field.type).endswith("None") and value in (None, "None", "")
            object.__setattr__(options, field.name, None if is_nothing else parse(field.name, value))


def is_template(value: Any) -> bool:
    """Tell whether a value is known only when the task runs: a template, or another task's result."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    return callable(getattr(value, "resolve", None))


def boolean(argument: str, value: Any) -> bool:
    """
    Return a boolean, or what a rendered template says; any other text would count as true.

    :raises InvalidStreamTable: if it is neither.
    """
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("true", "false"):
        return word == "true"
    raise InvalidStreamTable(f"{argument}={value!r} must be True or False")


def _number(kind: type[float] | type[int], what: str) -> Callable[[str, Any], float]:
    def parse(argument: str, value: Any) -> float:
        try:
            number = kind(value) if not isinstance(value, bool) else -1
        except (TypeError, ValueError):
            number = -1
        if not 0 <= number < float("inf"):
            raise InvalidStreamTable(f"{argument}={value!r} must be {what}, not negative")
        return number

    return parse


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "bool": boolean,
    "float": _number(float, "a number"),
    "int": _number(int, "a whole number"),
}


def parameters_of(options: type[Any]) -> str:
    """Return the ``:param`` lines of a dataclass, for the docstring of what takes its fields."""
    lines = inspect.cleandoc(options.__doc__ or "").splitlines()
    return "\n".join(f"    {line}" for line in lines if line.startswith((":param", "    ")))


def takes(options: type[Any], *, without: Collection[str] = (), **defaults: Any) -> Callable[[F], F]:
    """
    Give a function that ends with ``**kwargs`` the fields of a dataclass as parameters.

    Airflow's ``default_args``, mapped tasks, ``help()`` and editors read the signature: an option is declared
    in the dataclass and nowhere else.

    :param without: fields that it does not take.
    :param defaults: defaults other than the dataclass's.
    """

    def declare(function: F) -> F:
        signature = inspect.signature(function)
        own = list(signature.parameters.values())
        rest = own.pop()
        taken = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults.get(field.name, field.default),
                annotation=field.type,
            )
            for field in fields(options)
            if field.default is not MISSING and field.name not in without
        ]
        keeps_rest = [rest] if rest.name == "kwargs" else []
        function.__signature__ = signature.replace(parameters=[*own, *taken, *keeps_rest])  # type: ignore[attr-defined]
        return function

    return declare
