"""A port for the server on the loopback interface."""

from __future__ import annotations

import errno
import socket

from airflow_provider_pgstream.emulator._errors import EmulatorError

HOST = "127.0.0.1"


def claim(port: int) -> int:
    """Return ``port`` if it is free, or any free one for 0.

    :raises EmulatorError: if the port is taken, or cannot be had.
    """
    if not 0 <= port <= 65535:
        raise EmulatorError(f"port {port} does not exist: name one from 1 to 65535, or 0 for any free one")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = "is in use: name another --port, or 0 for any free one"
            else:
                reason = f"cannot be used: {error.strerror}"
            raise EmulatorError(f"port {port} on {HOST} {reason}") from None
        number: int = probe.getsockname()[1]
        return number
