"""Puts the extension's files where the server finds them."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from airflow_provider_pgstream.emulator.errors import EmulatorError

EXTENSION = "pg_stream"


def install_extension(target_dir: Path) -> None:
    """Write the control file and the one SQL script into ``target_dir``/extension.

    The script is kept as files by subject and put together here. It is a copy, because the server's user may be
    unable to read the installed package.
    """
    source = files(__package__) / "extension"
    control = (source / f"{EXTENSION}.control").read_text(encoding="utf-8")
    subjects = sorted((f for f in (source / "sql").iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    if not subjects:
        raise EmulatorError(f"the installed package lacks the extension's SQL ({source / 'sql'}): install it again")
    script = "\n".join(subject.read_text(encoding="utf-8") for subject in subjects)
    directory = target_dir / "extension"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{EXTENSION}.control").write_text(control, encoding="utf-8")
    (directory / f"{EXTENSION}--{_version(control)}.sql").write_text(script, encoding="utf-8")


def _version(control: str) -> str:
    found = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.MULTILINE)
    if found is None:
        raise EmulatorError(f"{EXTENSION}.control names no default_version")
    return found.group(1)
