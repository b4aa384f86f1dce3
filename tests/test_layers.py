"""Who may import whom, read from the sources: the two rooms know nothing of Airflow or of what uses them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = "airflow_provider_pgstream"
ROOT = Path(__file__).parents[1]
ABOVE = (
    "assets",
    "hooks",
    "operators",
    "sensors",
    "triggers",
    "cosmos",
    "emulator",
    "dbt",
    "get_provider_info",
)
# What the modules of each room must not import, of this package and of others.
FORBIDDEN = {
    "_engines": ("airflow", "_stream_tables", "models", "_events", "_arguments", *ABOVE),
    "_stream_tables": ("airflow", "_events", *ABOVE),
    "_arguments": ("airflow", "_stream_tables", *ABOVE),
    "models": ("airflow", "_stream_tables", *ABOVE),
    "_events": ("airflow", *ABOVE),
    "hooks": ("operators", "sensors", "triggers", "cosmos", "emulator"),
    "triggers": ("operators", "sensors", "cosmos", "emulator"),
    "operators": ("sensors", "cosmos", "emulator"),
    "sensors": ("operators", "cosmos", "emulator"),
    "cosmos": ("emulator",),
    "emulator": (
        "airflow",
        "exceptions",
        "models",
        "_engines",
        "_stream_tables",
        *(a for a in ABOVE if a != "emulator"),
    ),
}
PUBLIC = (
    "assets",
    "cosmos",
    "dbt",
    "emulator",
    "exceptions",
    "get_provider_info",
    "hooks.pgstream",
    "models",
    "operators",
    "sensors",
    "triggers",
)
OF_AN_ENGINE = re.compile(
    r"\bpgs_(?!id\b)|__pgs|\bpgstream(_changes)?\.|pg_stream[._]\w|PGS_|\bpgt_|__pgt|pgtrickle|pg_trickle[._]\w"
)


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the dotted name and the syntax tree of every module of the package."""
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        if "dbt_package" not in path.parts:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(path.read_text())


MODULES = dict(modules())


def imported(name: str, *, inside_functions: bool = True) -> Iterator[str]:
    """Yield what a module imports, as dotted names; but for what is there for the type checker only."""
    waiting: list[ast.AST] = [MODULES[name]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{name} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        waiting.extend(ast.iter_child_nodes(node))


def room(module: str) -> str:
    """Return the room of a module of this package; of another package, its name."""
    first, *rest = module.split(".")
    return rest[0] if first == PACKAGE and rest else first


def test_module_imports_nothing_from_above_its_room() -> None:
    assert MODULES
    for name in MODULES:
        forbidden = FORBIDDEN.get(room(name), ())
        assert [module for module in imported(name) if room(module) in forbidden] == [], name


def test_exceptions_import_nothing_but_their_base() -> None:
    assert set(imported(f"{PACKAGE}.exceptions")) == {"__future__", "airflow.providers.common.compat.sdk"}


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {
        name: {module for module in imported(name, inside_functions=False) if module in MODULES} - {name}
        for name in MODULES
    }
    assert list(TopologicalSorter(graph).static_order())


def test_module_of_an_engine_imports_nothing_but_what_an_engine_is() -> None:
    known = [name for name in MODULES if f"{PACKAGE}._engines.known." in name]
    assert known
    for name in known:
        assert set(imported(name)) == {"__future__", f"{PACKAGE}._engines.engine"}, name


def texts(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_names_of_an_engines_objects_stand_in_its_own_file_only() -> None:
    """But for the emulator, and for what of ours has the first one's name in it."""
    ours = ("cosmos", "emulator", "get_provider_info")
    found = {
        name
        for name, tree in MODULES.items()
        if room(name) not in ours and any(map(OF_AN_ENGINE.search, texts(tree)))
    }
    assert found == {f"{PACKAGE}._engines.known.{name}" for name in ("pg_stream", "pg_trickle")}


def test_public_modules_say_what_is_public() -> None:
    for name in PUBLIC:
        listed = [node for node in MODULES[f"{PACKAGE}.{name}"].body if isinstance(node, ast.Assign)]
        assert "__all__" in [ast.unparse(node.targets[0]) for node in listed], name
