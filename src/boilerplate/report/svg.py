"""matplotlib's SVG as part of an HTML page: colours of the page's theme, a name for screen readers, no clashing ids."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

from boilerplate.labels import LABELS, Label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK: Final = "#010101"
MUTED: Final = "#020202"
GRID: Final = "#030303"
ACCENT: Final = "#040404"
LABEL_INK: Final[dict[Label, str]] = {label: f"#0{number}0a0a" for number, label in enumerate(LABELS, 1)}
"""Colours to draw with. They stand for those of the page, which has a light and a dark theme."""

_THEME: Final = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    ACCENT: "var(--accent)",
    **{colour: f"var(--{label})" for label, colour in LABEL_INK.items()},
}
_COLOUR: Final = re.compile("|".join(_THEME))
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")
_FONT: Final = re.compile(r"font: ([\d.]+)px [^;]*")
_NUMBER: Final = re.compile(r"(\d\.\d\d)\d+")


def inline_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """A figure as an ``svg`` element for an HTML page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn in the colours above.
    name : str
        Short and unique on the page: what ids begin with.
    title, description : str
        What the plot is, and what it shows, for those who do not see it.

    Returns
    -------
    str
    """
    import matplotlib

    buffer = io.BytesIO()
    # Text stays text: it takes the page's font and can be searched. The salt makes ids, which are digests, repeatable.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    root = ET.fromstring(buffer.getvalue())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key in [key for key in element.attrib if key.startswith("{")]:
            element.attrib[key.rpartition("}")[2]] = element.attrib.pop(key)
    for tag in ("metadata", "defs"):
        # The first ``defs`` holds a style for all elements, which would be one for the whole page.
        for child in [child for child in root if child.tag == tag and child.find("path") is None]:
            root.remove(child)
    _rename_ids(root, name)
    for element in root.iter():
        for key, value in element.attrib.items():
            shown = _NUMBER.sub(r"\1", value)
            if key == "style":
                shown = _COLOUR.sub(lambda found: _THEME[found.group()], shown)
                shown = _FONT.sub(r"font-size: \1px", shown)
            element.attrib[key] = shown
    view_box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update(
        {"viewBox": view_box, "class": "plot", "role": "img", "aria-labelledby": f"{name}-title {name}-text"}
    )
    for position, (tag, identifier, text) in enumerate(
        [("title", f"{name}-title", title), ("desc", f"{name}-text", description)]
    ):
        element = ET.Element(tag, {"id": identifier})
        element.text = text
        root.insert(position, element)
    return ET.tostring(root, encoding="unicode")


def _rename_ids(root: ET.Element, name: str) -> None:
    """Drop ids that nothing refers to, and begin the others with the plot's name."""
    used: set[str] = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "href":
                used.add(value.removeprefix("#"))
            used.update(_REFERENCE.findall(value))
    for element in root.iter():
        identifier = element.attrib.pop("id", None)
        if identifier in used:
            element.attrib["id"] = f"{name}-{identifier}"
        for key, value in element.attrib.items():
            if key == "href":
                element.attrib[key] = f"#{name}-{value.removeprefix('#')}"
            else:
                element.attrib[key] = _REFERENCE.sub(rf"url(#{name}-\1)", value)
