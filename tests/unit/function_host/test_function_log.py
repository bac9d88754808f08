"""What workers write is passed on in whole lines, and counted."""

import io

from function_host.config import Metrics
from function_host.function_log import FunctionLog
from prometheus_client import CollectorRegistry, generate_latest

from tests.unit.emf_exporter.emf import document


def test_lines_of_two_workers_are_not_mixed_whatever_pieces_they_come_in() -> None:
    stream = io.BytesIO()
    log = FunctionLog(Metrics(), stream)
    one, two = log.sink(), log.sink()

    for sink, piece in [
        (one, b"a b"),
        (two, b"1\n2"),
        (one, b" c\nd\ne"),
        (two, b""),
        (one, b"\n"),
        (one, b""),
    ]:
        sink(piece)

    assert stream.getvalue() == b"1\na b c\nd\n2\ne\n"


def test_a_line_without_an_end_is_passed_on_in_parts() -> None:
    stream = io.BytesIO()
    sink = FunctionLog(Metrics(), stream).sink()

    for _ in range(20):
        sink(b"x" * 65_536)

    assert stream.getvalue().count(b"x") >= 1 << 20


def test_a_document_that_comes_in_two_pieces_is_counted_once() -> None:
    log = FunctionLog(Metrics(labels={"tenant": {"Requests"}}), io.BytesIO())
    registry = CollectorRegistry()
    registry.register(log)
    sink = log.sink()
    line = document({"Requests": "Count"}, Requests=3, tenant="tenant-a").encode() + b"\n"
    sink(line[:20])
    sink(line[20:])

    generate_latest(registry)  # a series is shown at 0 first
    text = generate_latest(registry).decode()

    assert 'event_mesh_requests_total{tenant="tenant-a"} 3.0' in text
