"""Templates, style and script put together into one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PACKAGE: Final = "boilerplate.report"
# What would end a ``script`` element or begin a comment in one; JSON has other ways to write these characters.
_UNSAFE: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render(content: dict[str, Any]) -> str:
    """The report as HTML.

    Parameters
    ----------
    content : dict
        See `boilerplate.report.content`. ``listed`` goes to the script, as JSON.

    Returns
    -------
    str
    """
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=_count, number=_number, percent=_percent, signed=_signed)
    environment.tests["missing"] = _is_missing
    script = _read("script.js")
    return environment.get_template("report.html").render(
        content,
        style=Markup(_read("style.css")),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        listed_json=Markup(script_safe_json(content["listed"])),
    )


def script_safe_json(value: Any) -> str:
    """JSON for a ``script`` element: nothing in it can end that element.

    Parameters
    ----------
    value : object
        What JSON can hold.

    Returns
    -------
    str
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)


def _read(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _number(value: float, digits: int = 3) -> str:
    return "–" if _is_missing(value) else f"{value:.{digits}f}"


def _percent(value: float, digits: int = 1) -> str:
    return "–" if _is_missing(value) else f"{100 * value:.{digits}f} %"


def _signed(value: float, digits: int = 3) -> str:
    return "–" if _is_missing(value) else f"{value:+.{digits}f}".replace("-", "−")
