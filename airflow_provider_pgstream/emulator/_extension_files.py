"""Puts the extension's files where the server finds them."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from airflow_provider_pgstream.emulator._dresses import DRESSES, Dress
from airflow_provider_pgstream.emulator._errors import EmulatorError

COMMON = "sql"  # the folder of what all dresses share


def install_extension(target_dir: Path, dress: Dress) -> None:
    """Write the control file and the one SQL script into ``target_dir``/extension, unless they are there.

    The script is a copy, because the server's user may be unable to read the installed package.

    :raises EmulatorError: and nothing was written, if another script is there: of another version of this
        package, or in another dress. The databases beside it were made with that one.
    """
    control, script = _control(dress), script_of(dress)
    directory = target_dir / "extension"
    target = directory / f"{dress.extension}--{_version(control, dress)}.sql"
    kept = {
        file: file.read_text(encoding="utf-8")
        for name in DRESSES
        for file in directory.glob(f"{name}--*.sql")
    }
    if kept:
        _check_kept(kept, target, script, target_dir)
        return
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{dress.extension}.control").write_text(control, encoding="utf-8")
    partial = target.with_suffix(".partial")  # an interrupt leaves no half of a script
    partial.write_text(script, encoding="utf-8")
    partial.rename(target)


def _check_kept(kept: dict[Path, str], target: Path, script: str, target_dir: Path) -> None:
    (found,) = kept
    made_with, asked_for = (file.name.partition("--")[0] for file in (found, target))
    if made_with != asked_for:
        raise EmulatorError(
            f"--data-dir {target_dir.parent} was made with --engine {made_with}: go on with that one, or "
            f"name a new or empty directory for {asked_for}"
        )
    if kept != {target: script}:
        raise EmulatorError(
            f"--data-dir {target_dir.parent} was made by another version of airflow-provider-pgstream, with "
            "another extension: install that version to go on with it, or name a new or empty directory"
        )


def script_of(dress: Dress) -> str:
    """Return the script that makes the extension: the package keeps it as files by subject.

    Their names begin with numbers, by which what is common and what is the dress's own interleave.
    """
    subjects = {
        file.name: dress.translated(file.read_text(encoding="utf-8")) for file in _sql_files(COMMON)
    } | {file.name: file.read_text(encoding="utf-8") for file in _sql_files(dress.extension)}
    return "\n".join(subjects[name] for name in sorted(subjects))


def _sql_files(folder: str) -> list[Path]:
    directory = files(__package__) / "extension" / folder
    found = [Path(str(file)) for file in directory.iterdir() if file.name.endswith(".sql")]
    if not found:
        raise EmulatorError(f"the installed package lacks {directory}/*.sql: install it again")
    return found


def _control(dress: Dress) -> str:
    file = files(__package__) / "extension" / f"{dress.extension}.control"
    return file.read_text(encoding="utf-8")


def _version(control: str, dress: Dress) -> str:
    found = re.search(r"^default_version\s*=\s*'([^']+)'", control, re.MULTILINE)
    if found is None:
        raise EmulatorError(f"{dress.extension}.control names no default_version")
    return found.group(1)
