"""What the site has beside the pages of docs/: those that lie elsewhere, and the reference."""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "airflow_provider_pgstream"
DBT_PACKAGE = f"{PACKAGE}/dbt_package"

# Pages of the repository that the site shows, too, and where.
ELSEWHERE = {
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    f"{DBT_PACKAGE}/README.md": "dbt-package.md",
}
# The public modules, and what each page of the reference is called.
REFERENCE = {
    "hooks.pgstream": ("hook", "Hook"),
    "operators": ("operators", "Operators"),
    "sensors": ("sensors", "Sensors"),
    "triggers": ("triggers", "Triggers"),
    "cosmos": ("cosmos", "Cosmos"),
    "models": ("models", "What the hook returns"),
    "exceptions": ("exceptions", "Errors"),
    "assets": ("assets", "Assets"),
    "emulator": ("emulator", "The emulator"),
    "dbt": ("dbt", "Where the dbt package is"),
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
CODE = re.compile(r"^(```.*?^```[^\n]*$)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file of docs/ is."""
    for path, place in ELSEWHERE.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        content = relinked(text, path, place)
        files.append(File.generated(config, place, content=content))
    for module, (name, title) in REFERENCE.items():
        lines = [f"# {title}", "", f"`from {PACKAGE}.{module} import …`", ""]
        lines += [f"::: {PACKAGE}.{module}.{member}" for member in public_names(module)]
        files.append(File.generated(config, f"reference/{name}.md", content="\n\n".join(lines)))
    files.append(File.generated(config, "reference/macros.md", content=macros()))
    files.append(File.generated(config, "reference/connection.md", content=connection()))
    return files


def on_page_markdown(markdown: str, page: Page, **_rest: Any) -> str:
    """Lead links that leave docs/ to the page of the site, or nowhere."""
    if page.file.generated_by is not None:
        return markdown
    return relinked(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)


def relinked(markdown: str, path: str, place: str) -> str:
    """Return a page of the repository with the links that it needs at its place in the site."""

    def led(link: re.Match[str]) -> str:
        image, text, target, anchor = link[1], link[2], link[3], link[4] or ""
        if re.match(r"[a-z]+:", target):
            return link[0]
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if (ROOT / meant).is_dir() and meant.startswith("docs/"):
            meant += "/README.md"
        if meant == "README.md":
            meant = "docs/README.md"
        within = ELSEWHERE.get(meant, meant.removeprefix("docs/") if meant.startswith("docs/") else None)
        if within is None or not (meant in ELSEWHERE or (ROOT / meant).exists()):
            if (ROOT / meant).exists():  # source code, which is read in the repository
                return text
            if within is None:
                raise FileNotFoundError(f"{path} links to {target}, which is not there")
        return f"{image}[{text}]({posixpath.relpath(within, posixpath.dirname(place) or '.')}{anchor})"

    parts = CODE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(led, part) for part in parts)


def public_names(module: str) -> Iterator[str]:
    """Yield what a module's ``__all__`` says, without importing it; or its public classes and functions."""
    path = ROOT / PACKAGE / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            yield from ast.literal_eval(node.value)
            return
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            yield node.name


def macros() -> str:
    """Return the page of what dbt projects can call, of the package's ``schema.yml``."""
    described = yaml.safe_load((ROOT / DBT_PACKAGE / "macros" / "schema.yml").read_text(encoding="utf-8"))
    lines = ["# dbt macros", "", "Operations are run by `dbt run-operation NAME --args '{…}'`."]
    for macro in described["macros"]:
        lines += ["", f"## `{macro['name']}`", "", " ".join(macro["description"].split())]
        arguments = macro.get("arguments") or []
        if arguments:
            lines += ["", "| argument | type | |", "|---|---|---|"]
        for argument in arguments:
            text = " ".join(str(argument.get("description", "")).split()).replace("|", "\\|")
            lines.append(f"| `{argument['name']}` | {argument.get('type', '')} | {text} |")
    return "\n".join(lines) + "\n"


def connection() -> str:
    """Return the page of the connection's fields, as Airflow is told of them."""
    sys.path.insert(0, str(ROOT))
    from airflow_provider_pgstream.get_provider_info import get_provider_info

    (kind,) = get_provider_info()["connection-types"]
    names = {"schema": "Database"} | kind["ui-field-behaviour"]["relabeling"]
    lines = [
        "# The connection",
        "",
        f"Type `{kind['connection-type']}`; one of type `postgres` does as well.",
        "",
        "| field | |",
        "|---|---|",
        "| Host, Port | of the server itself, not of a pooler |",
        f"| {names['schema']} | where the stream tables are |",
        "| Login, Password | of the role that refreshes, with [these grants](../privileges.md) |",
    ]
    for name, field in kind["conn-fields"].items():
        lines.append(f"| {field['label']} (extra `{name}`) | {field['description']} |")
    return "\n".join(lines) + "\n"
