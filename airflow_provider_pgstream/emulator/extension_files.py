"""Puts the extension's files where the server finds them."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from airflow_provider_pgstream.emulator.errors import EmulatorError

EXTENSION = "pg_stream"


def install_extension(target_dir: Path) -> None:
    """Write the control file and the one SQL script into ``target_dir``/extension.

    The script is kept as files by subject and put together here. It is a copy, because the server's user may
    be unable to read the installed package.
    """
    source = files(__package__) / "extension"
    control = (source / f"{EXTENSION}.control").read_text(encoding="utf-8")
    subjects = [file for file in (source / "sql").iterdir() if file.name.endswith(".sql")]
    if not subjects:
        raise EmulatorError(f"the installed package lacks {source / 'sql'}/*.sql: install it again")
    in_order = sorted(subjects, key=lambda file: file.name)
    script = "\n".join(subject.read_text(encoding="utf-8") for subject in in_order)
    directory = target_dir / "extension"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{EXTENSION}.control").write_text(control, encoding="utf-8")
    (directory / f"{EXTENSION}--{_version(control)}.sql").write_text(script, encoding="utf-8")


def _version(control: str) -> str:
    found = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.MULTILINE)
    if found is None:
        raise EmulatorError(f"{EXTENSION}.control names no default_version")
    return found.group(1)
