"""The templates in web/templates."""

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exercises.format.notebooks import ROOT

WEB = ROOT / "web"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([WEB / "templates", WEB]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """A template of web/templates, or a part in web/, filled in."""
    return _environment().get_template(template).render(**values)
