"""The last traces, and which belong together: a batch has a trace of its own, with links to its events'."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from threading import Lock

from mesh.traces.span import Span

_MOST_TRACES = 1_000
_MOST_SPANS = 1_000  # of one trace


class Traces:
    """The traces that were last added to, as many as it may keep; safe in threads."""

    def __init__(self, most: int = _MOST_TRACES) -> None:
        self._most = most
        self._spans: OrderedDict[str, list[Span]] = OrderedDict()  # by trace, the newest at the end
        self._linking: defaultdict[str, set[str]] = defaultdict(set)  # to a trace: those with links to it
        self._lock = Lock()

    def add(self, spans: Iterable[Span]) -> None:
        """Keep spans, and forget the trace that was longest quiet if there is one too many."""
        with self._lock:
            for span in spans:
                kept = self._spans.setdefault(span.trace_id, [])
                self._spans.move_to_end(span.trace_id)
                if len(kept) < _MOST_SPANS or span.parent_id is None:  # a root comes last, and leads to all
                    kept.append(span)
                    for link in span.links:
                        if link.trace_id != span.trace_id:
                            self._linking[link.trace_id].add(span.trace_id)
                if len(self._spans) > self._most:
                    self._forget()

    def _forget(self) -> None:
        trace_id, spans = self._spans.popitem(last=False)
        for linked in {link.trace_id for span in spans for link in span.links}:
            self._linking[linked].discard(trace_id)
            if not self._linking[linked]:
                del self._linking[linked]

    def last(self, most: int) -> list[list[Span]]:
        """Return the traces that were last added to, the newest first."""
        with self._lock:
            return [list(self._spans[each]) for each in list(reversed(self._spans))[:most]]

    def way(self, trace_id: str) -> list[Span]:
        """Return a trace and those that link to it, as their spans began; nothing for an unknown one."""
        with self._lock:
            traces = [trace_id, *sorted(self._linking.get(trace_id, ()))]
            found = [span for each in traces for span in self._spans.get(each, [])]
        return sorted(found, key=lambda span: (span.start, -span.end))
