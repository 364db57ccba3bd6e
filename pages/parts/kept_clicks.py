"""No click on the button of a file is lost, whatever is drawn anew between the click and its download.

Such a file is made on request: the browser asks for it with the number of a maker, is told an address, and fetches it from
there. Streamlit 1.67 can lose each of the three beside a run that is followed, beside a tab that plays, or on a busy machine:
the maker goes when its button is drawn anew, the made file at the second drawing of anything after it, and the answer with
all that was not sent yet when a page begins anew. It has no place to hand over keepers of one's own, so they are put in.
"""

from __future__ import annotations

import time
from collections.abc import Set

from streamlit.runtime import app_session, get_instance
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_manager import MediaFileManager

KEPT_SECONDS = 30.0


class PatientFileManager(MediaFileManager):
    """Keeps makers and made files until they have been out of use for ``KEPT_SECONDS`` at least.

    It tidies up once in a while, not at the end of every drawing, and lets a maker go when it was out of use the time before
    too, as Streamlit does with a made file.
    """

    _next = 0.0
    _unused: Set[str] = frozenset()

    def remove_orphaned_files(self) -> None:
        """Tidy up, if that has not just been done."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + KEPT_SECONDS
        super().remove_orphaned_files()

    def _remove_orphaned_deferred_callables(self) -> None:
        used = {file_id for files in self._files_by_session_and_coord.values() for file_id in files.values()}
        unused = self._deferred_callables.keys() - used
        for file_id in unused & self._unused:
            self._drop_deferred_id(file_id)
        self._unused = unused


class AnsweringQueue(ForwardMsgQueue):
    """Keeps answers to a browser's questions when a page that begins anew takes back what it had drawn."""

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        """Take back what was not sent yet; without ``retain_lifecycle_msgs`` all of it, for then it has been sent."""
        answers = [message for message in self._queue if message.WhichOneof("type") == "backend_operation_response"]
        super().clear(retain_lifecycle_msgs, fragment_ids_this_run)
        if retain_lifecycle_msgs:
            others = [message for message in self._queue if message not in answers]
            self._queue = [*answers, *others]


def keep_clicks() -> None:
    """Put both into the running server, before its first visitor."""
    get_instance().media_file_mgr.__class__ = PatientFileManager
    app_session.ForwardMsgQueue = AnsweringQueue  # type: ignore[attr-defined]
