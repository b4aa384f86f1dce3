"""The engines that are known: a module each, whose ``ENGINE`` is all that is particular to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from airflow_provider_pgstream._engines.engine import Engine

__all__ = ["engines"]


@cache
def engines() -> Mapping[str, Engine]:
    """Return all of them, by their extension's name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return {module.ENGINE.extension: module.ENGINE for module in modules}
