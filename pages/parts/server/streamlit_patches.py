"""No click on the button of a file is lost, whatever is drawn anew between the click and its download; or it is told why.

Such a file is made on request: the browser asks for it with the number of a maker, is told an address, and fetches it from
there. Streamlit 1.67 can lose each of the three beside a run that is followed, beside a tab that plays, or on a busy machine:
the maker goes when its button is drawn anew, the made file at the second drawing of anything after it, and the answer with
all that was not sent yet when a page begins anew. And of a file that cannot be made it says no more than that. It has no place
to hand over keepers of one's own, so they are put in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set

from streamlit.proto.BackMsg_pb2 import BackendOperationRequest
from streamlit.proto.ForwardMsg_pb2 import BackendOperationResponse, DeferredFileResponsePayload, ForwardMsg
from streamlit.runtime import app_session, get_instance
from streamlit.runtime.backend_operation_handler import DeferredFileHandler
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError

from snowball_core.errors import SnowballError

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
        answers = [message for message in self._queue if _is_answer(message)] if retain_lifecycle_msgs else []
        super().clear(retain_lifecycle_msgs, fragment_ids_this_run)
        # A part of a page that begins anew keeps them by itself: none shall be sent twice.
        self._queue = [*answers, *(message for message in self._queue if not _is_answer(message))]


def _is_answer(message: ForwardMsg) -> bool:
    return message.WhichOneof("type") == "backend_operation_response"


class TellingHandler(DeferredFileHandler):
    """Says under the button what must hold where the core refuses to make a file."""

    async def handle(self, request: BackendOperationRequest, session_id: str) -> BackendOperationResponse:
        """The address of a made file, or the core's reason not to make it."""
        try:
            made = await asyncio.to_thread(self._get_media_file_mgr().execute_deferred, request.deferred_file.file_id)
        except MediaFileStorageError as failure:
            if isinstance(failure.__cause__, SnowballError):
                return BackendOperationResponse(request_id=request.request_id, error_msg=str(failure.__cause__))
            return await super().handle(request, session_id)  # it fails there once more, into the server's log
        return BackendOperationResponse(request_id=request.request_id, deferred_file=DeferredFileResponsePayload(url=made))


def keep_clicks() -> None:
    """Put them into the running server, before its first visitor."""
    get_instance().media_file_mgr.__class__ = PatientFileManager
    app_session.ForwardMsgQueue = AnsweringQueue  # type: ignore[attr-defined]
    app_session.DeferredFileHandler = TellingHandler  # type: ignore[attr-defined]
