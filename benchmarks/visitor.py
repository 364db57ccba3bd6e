"""A client without a browser: Streamlit's protocol over a raw websocket, so that only the server is timed."""

from __future__ import annotations

import json
import time
import urllib.parse
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

_LONGEST_SECONDS = 120.0


@dataclass
class Answer:
    """What came back for one message.

    Attributes
    ----------
    seconds : float
        From sending to the last message, that of the finished script.
    messages, size : int
        How many came, and their bytes.
    texts : list of str
        Markdown that was sent, in order.
    elements : list of Element
        Everything that was drawn, in order, as Streamlit sends it.
    is_whole : bool
        Whether the whole page was drawn, not a part of it.
    """

    seconds: float = 0.0
    messages: int = 0
    size: int = 0
    texts: list[str] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    is_whole: bool = False

    def says(self, words: str) -> bool:
        """Whether some Markdown holds these words."""
        return any(words in text for text in self.texts)


class Visitor:
    """One session with the app.

    Attributes
    ----------
    pages : dict of str to str
        Address of a page → the hash it is requested by.
    scrubber : str
        The scrubber's widget id, once it was drawn; empty before.
    chosen : dict of str to list of str
        Widget id → what is chosen, of every row of choices on the page. A browser sends it with every message;
        without it the app takes the page for another one and draws all of it again.
    """

    def __init__(self, address: str) -> None:
        where = address.replace("http://", "ws://", 1) + "/_stcore/stream"
        self._socket = connect(where, subprotocols=["streamlit"], max_size=None, compression=None, proxy=None)  # type: ignore[list-item]
        self.pages: dict[str, str] = {}
        self.scrubber = ""
        self.chosen: dict[str, list[str]] = {}
        self._heard = 0
        self._query = ""
        self._page = ""

    def open(self, page: str = "", **query: object) -> Answer:
        """Open a page, as a click on a link of the app does."""
        self._query = urllib.parse.urlencode(query)
        self._page = self.pages.get(page, "")
        self.chosen = {}
        return self._ask({})

    def move(self, step: int) -> Answer:
        """Let the scrubber go at a step."""
        self._heard += 1
        return self._ask({"step": {"at": step, "playing": False, "count": self._heard}})

    def _ask(self, state: dict[str, Any]) -> Answer:
        message = BackMsg()
        request = message.rerun_script
        request.query_string, request.page_script_hash = self._query, self._page
        if state:
            widget = request.widget_states.widgets.add()
            widget.id, widget.json_value = self.scrubber, json.dumps(state)
        for name, words in self.chosen.items():
            widget = request.widget_states.widgets.add()
            widget.id = name
            widget.string_array_value.data.extend(words)
        began = time.perf_counter()
        self._socket.send(message.SerializeToString())
        answer = Answer()
        while not self._is_last(answer):
            pass
        answer.seconds = time.perf_counter() - began
        return answer

    def _is_last(self, answer: Answer) -> bool:
        """Take one message; whether nothing more comes."""
        data = self._socket.recv(timeout=_LONGEST_SECONDS)
        message = ForwardMsg()
        message.ParseFromString(data)  # type: ignore[arg-type]
        answer.messages += 1
        answer.size += len(data)
        kind = message.WhichOneof("type")
        if kind == "navigation":
            answer.is_whole = True
            self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "delta":
            element = message.delta.new_element
            answer.elements.append(element)
            if element.WhichOneof("type") == "markdown":
                answer.texts.append(element.markdown.body)
            elif element.WhichOneof("type") == "bidi_component" and element.bidi_component.id.endswith("-scrubber"):
                self.scrubber = element.bidi_component.id
            elif element.WhichOneof("type") == "button_group":
                row = element.button_group
                words = [row.options[number].content for number in row.default]
                self.chosen[row.id] = list(row.raw_values) if row.set_value else words
            elif element.WhichOneof("type") == "exception":
                raise RuntimeError(f"the page failed: {element.exception.type}: {element.exception.message}")
        return kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
