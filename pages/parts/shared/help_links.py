"""What a number means: in a few words in place, and a link to its entry on the About page."""

from __future__ import annotations

from ..about.glossary import explained
from .text import plain


def address(name: str) -> str:
    """The address of the entry that explains a measure or word of docs/measures.md; a name without one is an error."""
    return f"about#{explained()[name].anchor}"


def words(*names: str) -> str:
    """Definition and pitfall of each, a line for each, as plain text."""
    return "\n".join(explained()[name].explanation for name in names)


def what_is(name: str, label: str = "what is this?") -> str:
    """A Markdown link to the entry that explains a measure or word; the page opens its title, the explanation, in place."""
    title = "\n".join(plain(line).replace('"', r"\"") for line in words(name).split("\n"))
    return f'[{label}]({address(name)} "{title}")'


def help_on(name: str) -> str:
    """The same as the help of a number: the explanation, and a link to the entry."""
    return plain(words(name)).replace("\\n", "  \n") + f"  \n[Entry on the About page]({address(name)})"
