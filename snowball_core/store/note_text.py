"""Text that a person writes beside a run: composed, bounded, every character visible."""

from __future__ import annotations

import re
import unicodedata

from ..errors import RunError

# Control and format characters (they can turn a line of text around), halves of characters, and the two that break lines.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
# A black flag, the code of a region in letters that are not seen, and their end: the flag of Wales is one picture.
_REGION_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_VIRAMA = 9


def visible_text(given: object, what: str, longest: int, allowed: str = "") -> str:
    """The text as it is kept: composed characters, no blanks at its ends, not too long, everything in it visible."""
    if not isinstance(given, str):
        raise RunError(f"{what} must be text; got {type(given).__name__}. Write it in quotes.")
    given = unicodedata.normalize("NFC", given.replace("\r\n", "\n")).strip()
    if len(given) > longest:
        raise RunError(f"{what} must have at most {longest:,} characters; got {len(given):,}. Shorten it.")
    flags = {place for flag in _REGION_FLAG.finditer(given) for place in range(*flag.span())}
    for place, character in enumerate(given):
        is_unseen = unicodedata.category(character) in _UNSEEN and character not in allowed and place not in flags
        if is_unseen and not _joins(given, place):
            raise RunError(
                f"{what} must be made of visible characters; number {place + 1:,} is U+{ord(character):04X}. Remove it."
            )
    return given


def _joins(text: str, place: int) -> bool:
    """Whether a zero-width joiner or non-joiner decides how its neighbours look; anywhere else it is invisible.

    Both do between letters, marks or pictures that are not all ASCII: Persian words, Indic conjuncts, joined emoji. The joiner
    also does beside one letter, which takes its joined form, and the non-joiner behind a virama.
    """
    before, after = text[max(0, place - 1) : place], text[place + 1 : place + 2]
    kinds = [unicodedata.category(character)[0] for character in before + after]
    if text[place] not in _JOINERS or not kinds or set(before + after) & set(_JOINERS):
        return False
    if len(kinds) == 2 and set(kinds) <= {"L", "M", "S"} and not (before + after).isascii():
        return True
    if text[place] == "\u200d":
        return any(not side.isascii() and unicodedata.category(side)[0] in "LM" for side in before + after)
    return before != "" and unicodedata.combining(before) == _VIRAMA
