"""Somebody who has just cloned the repository: a clone, an empty home, plain Python, and terminals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Newcomer:
    """
    A clone and a home in a directory of their own.

    The clone holds this checkout as it stands, what is not committed included, as the branch ``main``.
    """

    def __init__(self, directory: Path) -> None:
        self.clone = directory / "a clone"
        self.home = directory / "home"
        self.home.mkdir()
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).exists():  # a file that was removed and not committed is still listed
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.clone / name)
        for arguments in (
            ["init", "--quiet", "--initial-branch", "main"],
            ["add", "--all"],
            ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--message", "as it stands"],
        ):
            subprocess.run(["git", *arguments], cwd=self.clone, check=True)

    def environment(self) -> dict[str, str]:
        """HOME, PATH and LANG, and nothing of the environment in which the tests run."""
        inside = Path(sys.prefix) / "bin"
        others = [entry for entry in os.environ["PATH"].split(os.pathsep) if Path(entry) != inside]
        path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), *others])
        return {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8"}

    def type(self, commands: Sequence[str], cwd: Path | None = None) -> str:
        """Run commands in a terminal of their own, the first that fails the last; return what they print."""
        done = subprocess.run(
            ["sh", "-e", "-c", "\n".join(commands)],
            cwd=cwd or self.clone,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def running(self, commands: Sequence[str], ready: str) -> Iterator[None]:
        """Run commands whose last one runs until Ctrl-C; the block begins when a line has ``ready`` in it."""
        process = subprocess.Popen(
            ["sh", "-e", "-c", "\n".join([*commands[:-1], f"exec {commands[-1]}"])],
            cwd=self.clone,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            printed = []
            while not any(ready in line for line in printed[-1:]):
                printed.append(process.stdout.readline())
                assert printed[-1], "it ended by itself:\n" + "".join(printed)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        assert process.returncode == 0
