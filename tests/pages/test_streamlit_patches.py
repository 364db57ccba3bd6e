"""A click on the button of a file comes to its file, however often its page is drawn anew meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from pages.parts.server.streamlit_patches import KEPT_SECONDS, AnsweringQueue, PatientFileManager, TellingHandler
from snowball_core.errors import HistoryError

BUTTON = "its place on the page"


def drawn(manager: MediaFileManager) -> str:
    """The number of the maker of a page's one button, drawn anew from start to end."""
    manager.clear_session_refs()
    number = manager.add_deferred(lambda: b"the file", "text/csv", BUTTON, "file.csv")
    manager.remove_orphaned_files()
    return number


def fetched(manager: MediaFileManager, address: str) -> bytes | None:
    file = manager.read_file(address.rsplit("/", 1)[-1].split(".")[0])
    return file and file.content


def manager_of(kind: type[MediaFileManager]) -> MediaFileManager:
    return kind(MemoryMediaFileStorage("/media"))


def test_a_button_drawn_anew_still_makes_what_was_clicked() -> None:
    manager = manager_of(PatientFileManager)
    clicked = drawn(manager)
    for _ in range(5):
        drawn(manager)
    address = manager.execute_deferred(clicked)
    for _ in range(5):
        drawn(manager)
    assert fetched(manager, address) == b"the file"


def test_streamlit_alone_loses_both() -> None:
    """When this fails, Streamlit keeps them itself, and the keeper of files can go."""
    manager = manager_of(MediaFileManager)
    clicked = drawn(manager)
    address = manager.execute_deferred(clicked)
    drawn(manager)
    with pytest.raises(MediaFileStorageError, match="not found"):
        manager.execute_deferred(clicked)
    drawn(manager)
    assert fetched(manager, address) is None


def test_what_is_long_out_of_use_is_let_go_and_what_is_used_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    manager = manager_of(PatientFileManager)
    old = drawn(manager)
    address = manager.execute_deferred(old)
    for waited in (False, True, True):
        assert manager.execute_deferred(old)
        now += KEPT_SECONDS if waited else KEPT_SECONDS / 2
        current = drawn(manager)
    with pytest.raises(MediaFileStorageError, match="not found"):
        manager.execute_deferred(old)
    now += KEPT_SECONDS
    manager.remove_orphaned_files()
    now += KEPT_SECONDS
    manager.remove_orphaned_files()
    assert fetched(manager, address) is None
    assert manager.execute_deferred(current)


def answer(number: str) -> ForwardMsg:
    message = ForwardMsg()
    message.backend_operation_response.request_id = number
    return message


@pytest.mark.parametrize("fragments", [None, ["exact-step"]])
def test_an_answer_that_waits_to_be_sent_outlives_a_page_that_begins_anew(fragments: list[str] | None) -> None:
    queue = AnsweringQueue()
    drawing = ForwardMsg()
    drawing.delta.fragment_id = "exact-step"
    for message in (answer("one"), drawing, answer("two")):
        queue.enqueue(message)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=fragments)
    assert [message.backend_operation_response.request_id for message in queue.flush()] == ["one", "two"]
    assert queue.flush() == [], "an answer is sent once"


def test_streamlit_alone_loses_the_answer() -> None:
    """When this fails, Streamlit keeps it itself, and the queue can go."""
    queue = ForwardMsgQueue()
    queue.enqueue(answer("one"))
    queue.clear(retain_lifecycle_msgs=True)
    assert queue.flush() == []


def answered(make: Callable[[], bytes]) -> tuple[str, str]:
    """The address a click is told, and the error."""
    manager = manager_of(PatientFileManager)
    request = BackendOperationRequest(request_id="one")
    request.deferred_file.file_id = manager.add_deferred(make, "text/csv", BUTTON, "file.csv")
    answer = asyncio.run(TellingHandler(lambda: manager).handle(request, "session"))
    assert answer.request_id == "one"
    return answer.deferred_file.url, answer.error_msg


def test_a_file_that_the_core_refuses_to_make_is_told_in_its_words() -> None:
    def refuse() -> bytes:
        raise HistoryError("at most 512 tokens; the group all has 2,000. Choose a smaller group.")

    assert answered(refuse) == ("", "at most 512 tokens; the group all has 2,000. Choose a smaller group.")


def test_a_file_that_is_made_has_an_address_and_a_fault_of_ours_is_not_shown() -> None:
    address, error = answered(lambda: b"the file")
    assert address.endswith(".csv")
    assert error == ""

    def fail() -> bytes:
        raise ZeroDivisionError("inside")

    assert answered(fail) == ("", "Failed to generate file for download")
