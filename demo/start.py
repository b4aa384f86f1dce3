"""The first step of ``scripts/demo``, on the Python that is there: read the options, install what is missing.

Only the standard library is to be had here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from demo import options
from demo.signals import Interrupted, held, listen

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Replace this process by the demo in its own environment; return an exit code where that fails."""
    options.parse()
    listen()
    try:
        environment = install()
    except Interrupted as interrupted:
        print(
            "\nscripts/demo: stopped while installing; the next call begins the installation anew",
            file=sys.stderr,
        )
        return interrupted.exit_code
    if environment is None:
        return 1
    os.environ["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    python = environment / "bin" / "python"
    return os.execv(python, [str(python), "-m", "demo", *sys.argv[1:]])  # noqa: S606


def install() -> Path | None:
    """Return the path of the ready environment, or None when the script has said why there is none."""
    with held():
        # A session of its own, so that pip and uv end with it.
        shell = subprocess.Popen(
            ["sh", "-c", ". scripts/env.sh && pgstream_env main", "scripts/demo"],  # noqa: S607
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    try:
        path, _ = shell.communicate()
    except Interrupted:
        os.killpg(shell.pid, signal.SIGKILL)
        raise
    return Path(path.strip()) if shell.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
