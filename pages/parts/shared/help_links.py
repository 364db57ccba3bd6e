"""What a number means: links to its entry on the About page."""

from __future__ import annotations

from ..about.glossary import anchors


def address(name: str) -> str:
    """The address of the entry that explains a measure or word of docs/measures.md.; a name without one is an error."""
    return f"about#{anchors()[name]}"


def what_is(name: str, label: str = "what is this?") -> str:
    """A Markdown link to the entry that explains a measure or word of docs/measures.md."""
    return f"[{label}]({address(name)})"
