"""The README as a package index shows it: there a link that is relative to this repository leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

TARGET = r"\((?P<target>[^)\s]+)\)"
IMAGE = re.compile(rf"!\[(?P<text>[^\]]*)\]{TARGET}")
LINK = re.compile(rf"(?<!!)\[(?P<text>(?:!\[[^\]]*\]\([^)]*\)|[^\]])*)\]{TARGET}")
ABSOLUTE = re.compile(r"^(?:[a-z]+:|#)")


def readme_for_an_index(readme: str, address: str) -> str:
    """Return a README whose links lead somewhere from anywhere.

    :param readme: Markdown, with links relative to the repository.
    :param address: where the files of this version can be read, without a slash at the end; empty while the
        project is at no public address: then such a link is its text, and an image is left out.
    """

    def image(found: re.Match[str]) -> str:
        if ABSOLUTE.match(found["target"]):
            return found[0]
        return f"![{found['text']}]({address}/{found['target']})" if address else ""

    def link(found: re.Match[str]) -> str:
        if ABSOLUTE.match(found["target"]):
            return found[0]
        return f"[{found['text']}]({address}/{found['target']})" if address else found["text"]

    return LINK.sub(link, IMAGE.sub(image, readme))


class ReadmeHook(MetadataHookInterface):
    """Gives the distributions that README; ``address`` stands in ``[tool.hatch.metadata.hooks.custom]``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the README into the metadata."""
        address = self.config.get("address", "").format(version=metadata["version"]).rstrip("/")
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": readme_for_an_index(readme, address),
        }
