"""What the console takes of a machine, and how soon it shows what happens.

.venv/bin/python tests/bench/console.py [SECONDS]      (make bench brings the mesh up first)

Idle is a mesh in which nothing happens, without an open page and with one. Then users are created, twenty a
second for SECONDS (30), while a page is open. The delay of an event is from the end of its span until it is
at the page; the rest of the invocation is in it, which sends its spans when it ends.
"""

import json
import re
import secrets
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import httpx
import psutil
from mesh.clients.http_api import client_of
from mesh.process import wait_until
from mesh.state import State, load_running
from rich.console import Console
from rich.table import Table

SECONDS = 30
CREATES_A_SECOND = 20
CLIENTS = 4
TOKEN = re.compile(r'name="console-token" content="([^"]+)"')


class Page:
    """A page that is open: it notes when events come."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open = Event()
        self._closed = Event()
        self.delays: list[float] = []  # ms

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have it open for a while."""
        reading = Thread(target=self._read)
        reading.start()
        if not self._open.wait(30):
            raise SystemExit("The console's stream does not begin.")
        yield
        self._closed.set()
        reading.join()

    def _read(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as http:
            found = TOKEN.search(http.get("/").text)
            headers = {"X-Console-Token": found[1] if found else ""}
            with http.stream("GET", "/api/stream", headers=headers) as stream:
                event = ""
                for line in stream.iter_lines():
                    self._open.set()
                    if self._closed.is_set():
                        return
                    name, _, value = line.partition(": ")
                    if name == "event":
                        event = value
                    elif name == "data" and event == "visits":
                        self._note(json.loads(value))

    def _note(self, visits: list[dict[str, Any]]) -> None:
        now = time.time() * 1000
        self.delays += [now - each["at"] for each in visits]


def memory_mb(process: psutil.Process) -> float:
    """Return the resident memory of the console, with what it has started."""
    return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])) / 2**20


def share(process: psutil.Process, seconds: float) -> float:
    """Return the share of a processor that the console takes while it is left alone."""
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds


def create(state: State, tenant: str, seconds: float) -> float:
    """Create users at the rate that is wanted; return the one that came of it."""
    until, made = time.monotonic() + seconds, [0] * CLIENTS

    def creating(number: int) -> None:
        with client_of(state, tenant) as client:
            due = time.monotonic()
            while due < until:
                time.sleep(max(0, due - time.monotonic()))
                client.create(f"{secrets.token_hex(6)}@x.dev", "C")
                made[number] += 1
                due += CLIENTS / CREATES_A_SECOND

    started = time.monotonic()
    threads = [Thread(target=creating, args=(number,)) for number in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sum(made) / (time.monotonic() - started)


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    state = load_running()
    console = state.component("console")
    if console is None or console.pid is None:
        raise SystemExit("The mesh has no console: make up")
    process = psutil.Process(console.pid)
    tenant = f"watched-{secrets.token_hex(3)}"
    create(state, tenant, 2)  # functions and console have started
    wait_until(lambda: not process.children(), 120)  # an errand's process ends by itself
    table = Table("console", "measured", "target")
    table.add_row("memory, idle, MB", f"{memory_mb(process):.0f}", "60")
    table.add_row("of a processor, idle", f"{share(process, SECONDS):.1%}", "1 %")
    page = Page(console.address)
    with page.opened():
        table.add_row("of a processor, a page open", f"{share(process, SECONDS):.1%}", "")
        before = memory_mb(process)
        page.delays.clear()
        rate = create(state, tenant, seconds)
        p50, p99 = (statistics.quantiles(page.delays, n=100)[each] for each in (49, 98))
    table.add_row(f"an event's delay, p50, ms ({rate:.0f} creates a second)", f"{p50:.0f}", "")
    table.add_row(f"an event's delay, p99, ms (of {len(page.delays)})", f"{p99:.0f}", "200")
    table.add_row(
        f"memory after {seconds:.0f} s of it, MB", f"{memory_mb(process):.0f}", f"{before:.0f} before"
    )
    Console().print(table)


if __name__ == "__main__":
    main()
