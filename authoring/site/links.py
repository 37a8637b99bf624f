"""Where an address in a notebook or a document leads on the site."""

import re

DOCUMENTS = {"INSTRUCTORS.md": "instructors.html"}
ELSEWHERE = re.compile(r"^(https?:|mailto:|#)")


class Links:
    """`pages` are the names of the site's pages, `repository` is "owner/name" on GitHub, or "" if
    there is none: then the site links no file of the repository."""

    def __init__(self, pages: list[str], repository: str = "") -> None:
        self.pages, self.repository = pages, repository

    def to(self, url: str, folder: str = "") -> str | None:
        """The address on the site of what `url` names, in a document of the repository's `folder`;
        None where the site has no such page."""
        if ELSEWHERE.match(url):
            return url
        path, mark, fragment = url.partition("#")
        parts: list[str] = []
        for part in f"{folder}/{path}".split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        path = "/".join(parts)
        name = path.removesuffix(".ipynb").removesuffix(".html")
        if name in self.pages:
            return f"{name}.html{mark}{fragment}"
        if path in DOCUMENTS:
            return f"{DOCUMENTS[path]}{mark}{fragment}"
        return f"{self.clone}/blob/main/{path}" if self.repository else None

    @property
    def clone(self) -> str:
        """What `git clone` takes; "" without a repository."""
        return f"https://github.com/{self.repository}" if self.repository else ""

    @property
    def home(self) -> str:
        """Where GitHub's Pages publish the site; "" without a repository."""
        owner, _, name = self.repository.lower().partition("/")
        host = f"{owner}.github.io"
        return f"https://{host}/{'' if name == host else f'{name}/'}" if owner else ""

    def colab(self, name: str) -> str:
        """Where Colab opens the learner's copy of a notebook; "" without a repository."""
        if not self.repository:
            return ""
        where = f"{self.repository}/blob/main/notebooks/{name}.ipynb"
        return f"https://colab.research.google.com/github/{where}"
