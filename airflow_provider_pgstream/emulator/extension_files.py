"""Puts the extension's files where the server finds them."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from airflow_provider_pgstream.emulator.errors import EmulatorError

EXTENSION = "pg_stream"


def install_extension(target_dir: Path) -> bool:
    """Write the control file and the one SQL script into ``target_dir``/extension, unless they are there.

    The script is a copy, because the server's user may be unable to read the installed package.

    :return: False, and nothing was written, if the script of another version of this package is there: the
        databases beside it were made with that one.
    """
    control, script = _package_files()
    directory = target_dir / "extension"
    target = directory / f"{EXTENSION}--{_version(control)}.sql"
    kept = {file: file.read_text(encoding="utf-8") for file in directory.glob(f"{EXTENSION}--*.sql")}
    if kept:
        return kept == {target: script}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{EXTENSION}.control").write_text(control, encoding="utf-8")
    partial = target.with_suffix(".partial")  # an interrupt leaves no half of a script
    partial.write_text(script, encoding="utf-8")
    partial.rename(target)
    return True


def _package_files() -> tuple[str, str]:
    """Return the control file, and the script, which the package keeps as files by subject."""
    source = files(__package__) / "extension"
    control = (source / f"{EXTENSION}.control").read_text(encoding="utf-8")
    subjects = [file for file in (source / "sql").iterdir() if file.name.endswith(".sql")]
    if not subjects:
        raise EmulatorError(f"the installed package lacks {source / 'sql'}/*.sql: install it again")
    in_order = sorted(subjects, key=lambda file: file.name)
    return control, "\n".join(subject.read_text(encoding="utf-8") for subject in in_order)


def _version(control: str) -> str:
    found = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.MULTILINE)
    if found is None:
        raise EmulatorError(f"{EXTENSION}.control names no default_version")
    return found.group(1)
