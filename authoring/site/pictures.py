"""The pictures of a page as files beside it: the page is small, and loads what is looked at."""

import base64
import hashlib
import io
import re
from html import escape
from pathlib import Path

from PIL import Image

from llmlib import files

FOLDER = "pictures"
DENSITY = 2  # pixels of a drawing to one of the page, as llmlib.plots draws them
INLINE = re.compile(r'<img\b[^>]*?\bsrc="data:image/png;base64,([^"]+)"[^>]*>')
ATTRIBUTE = r"""\b{}=(?:"([^"]*)"|'([^']*)')"""


class Pictures:
    """Writes pictures into `folder`/pictures, each once. A picture of an earlier build is kept, as
    its name says what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sizes: dict[str, tuple[int, int]] = {}

    def write(self, png: bytes) -> tuple[str, tuple[int, int]]:
        """(address, (width, height)) of a PNG picture. It is written as WebP without loss, which
        takes less room."""
        address = f"{FOLDER}/{hashlib.sha256(png).hexdigest()[:16]}.webp"
        if address not in self.sizes:
            picture, made = Image.open(io.BytesIO(png)), io.BytesIO()
            self.sizes[address] = picture.size
            if not (self.folder / address).is_file():
                picture.save(made, "WEBP", lossless=True, method=2)
                files.write(self.folder / address, made.getvalue())
        return address, self.sizes[address]

    def remove_others(self) -> None:
        """Remove the pictures that this build has not used."""
        for path in (self.folder / FOLDER).glob("*.webp"):
            if f"{FOLDER}/{path.name}" not in self.sizes:
                path.unlink()

    def as_files(self, html: str) -> str:
        """`html` with the pictures that are in it as data taken out into files."""
        return INLINE.sub(self._tag, html)

    def _tag(self, found: re.Match[str]) -> str:
        address, (width, height) = self.write(base64.b64decode(found[1]))
        alt = _attribute(found[0], "alt") or ""
        shown = int(_attribute(found[0], "width") or width)
        return tag(address, alt, shown, round(height * shown / width))


def tag(address: str, alt: str, width: int, height: int) -> str:
    """An <img> that is fetched when it comes into view, in a frame that scrolls where the page is
    so narrow that its lettering would be too small. `alt` is HTML already."""
    return (
        f'<span class="frame" style="--width: {width}px"><img src="{escape(address)}" alt="{alt}" '
        f'width="{width}" height="{height}" loading="lazy" decoding="async"></span>'
    )


def _attribute(html: str, name: str) -> str | None:
    found = re.search(ATTRIBUTE.format(name), html)
    value = found and (found[1] if found[1] is not None else found[2])
    return value.replace('"', "&quot;") if value is not None else None
