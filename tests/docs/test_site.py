"""The docs as a site: built strictly, whole, without anything from elsewhere."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
PACKAGE_PAGE = ROOT / "airflow_provider_pgstream" / "dbt_package" / "README.md"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


class Html(HTMLParser):
    """What a page links to, what it loads, and the places in it that can be linked to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "img", "link") and given.get("rel") not in ("canonical", "next", "prev"):
            self.loaded += [given[name] for name in ("src", "href") if name in given]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Html]:
    """The pages of the site, built strictly."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run([ROOT / "scripts" / "docs", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {page: Html(page) for page in out.rglob("*.html")}


def test_every_link_of_the_site_leads_somewhere(site: dict[Path, Html]) -> None:
    dead = []
    for page, html in site.items():
        if page.name == "404.html":
            continue
        for link in (*html.links, *html.loaded):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            known = target in site or target.is_file()
            if not known or (parts.fragment and unquote(parts.fragment) not in site[target].places):
                dead.append(f"{page.name}: {link}")
    assert dead == []
    assert len(site) > 50


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Html]) -> None:
    loaded = {link for html in site.values() for link in html.loaded}
    assert loaded
    assert [link for link in loaded if urlsplit(link).netloc] == []


def test_the_reference_has_every_public_name(site: dict[Path, Html]) -> None:
    places = {place for html in site.values() for place in html.places}
    package = "airflow_provider_pgstream"
    missing = []
    for line in (ROOT / "tests" / "interface.txt").read_text(encoding="utf-8").splitlines():
        named = re.match(
            r"(operators|sensors|triggers|cosmos|exceptions|models|hooks|emulator)\.[\w.]+", line
        )
        if named is None:
            continue
        parts = named[0].split(".")
        last = 3 if parts[0] == "hooks" else 2
        name = ".".join([package, *parts[:last]])
        if not any(place == name or place.endswith(f".{parts[last - 1]}") for place in places):
            missing.append(name)
    assert missing == []


def test_the_reference_has_every_macro_and_connection_field(site: dict[Path, Html]) -> None:
    from airflow_provider_pgstream.get_provider_info import get_provider_info

    pages = {page.name: page for page in site}
    text = pages["macros.html"].read_text(encoding="utf-8")
    described = yaml.safe_load((PACKAGE_PAGE.parent / "macros" / "schema.yml").read_text(encoding="utf-8"))
    assert [macro["name"] for macro in described["macros"] if f">{macro['name']}<" not in text] == []
    text = pages["connection.html"].read_text(encoding="utf-8")
    (kind,) = get_provider_info()["connection-types"]
    assert [name for name in kind["conn-fields"] if f">{name}<" not in text] == []


def blocks() -> list[tuple[str, str, str]]:
    found = []
    for page in (*PAGES, PACKAGE_PAGE):
        for indent, language, text in FENCE.findall(page.read_text(encoding="utf-8")):
            stripped = "\n".join(line.removeprefix(indent) for line in text.splitlines())
            found.append((f"{page.relative_to(ROOT)}: {stripped[:40]!r}", language, stripped))
    return found


@pytest.mark.parametrize("language", ["python", "sh", "bash", "yaml", "json"])
def test_every_block_of_code_can_be_read(language: str) -> None:
    mine = [(where, text) for where, given, text in blocks() if given == language]
    unreadable = []
    for where, text in mine:
        try:
            read(language, text)
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            unreadable.append(f"{where}: {error}")
    assert unreadable == []
    assert mine or language == "json"


def read(language: str, text: str) -> None:
    if language == "python":
        ast.parse(text)
    elif language == "yaml":
        list(yaml.safe_load_all(text))
    elif language == "json":
        json.loads(text)
    else:
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(done.stderr)


def test_imports_in_python_blocks_are_of_public_names() -> None:
    public = {
        *("operators", "sensors", "hooks.pgstream", "triggers", "cosmos", "exceptions", "models", "assets"),
        *("dbt", "emulator"),
    }
    private = []
    for where, language, text in blocks():
        if language != "python":
            continue
        for node in ast.walk(ast.parse(text)):
            module = getattr(node, "module", None) or ""
            if module.startswith("airflow_provider_pgstream."):
                name = module.partition(".")[2]
                if name not in public:
                    private.append(f"{where}: {module}")
    assert private == []
