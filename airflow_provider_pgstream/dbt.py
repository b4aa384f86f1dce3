"""Where the dbt package ``pgstream`` lies that is shipped with this distribution."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ENVIRONMENT_VARIABLE", "package_path"]

#: For ``packages.yml``: ``local: "{{ env_var('PGSTREAM_DBT_PACKAGE') }}"``.
ENVIRONMENT_VARIABLE = "PGSTREAM_DBT_PACKAGE"


def package_path() -> Path:
    """Return the directory of the dbt package ``pgstream``, a local package for ``packages.yml``."""
    return Path(__file__).resolve().parent / "dbt_package"


if __name__ == "__main__":
    print(package_path())
