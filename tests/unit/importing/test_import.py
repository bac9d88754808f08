"""mesh import: each user of a file is sent until it has an outcome, and once, whatever interrupts it."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mesh.commands import import_users
from mesh.commands.import_users import Done
from mesh.errors import MeshError
from mesh.importing import sending
from mesh.importing.sending import MOST_BYTES, MOST_ENTRIES, Api
from rich.console import Console

URL = "http://api/v1"


class FakeApi:
    """POST /users/import: creates each address once, as the same request does when it is sent again."""

    def __init__(self) -> None:
        self.created: dict[str, str] = {}  # address: the request that created it
        self.bodies: list[bytes] = []
        self.tenant = "tenant-a"
        self.before: Iterator[Any] = iter([])  # what to answer first

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.headers["Authorization"]) == ("/v1/users/import", "Bearer it")
        first = next(self.before, None)
        if isinstance(first, Exception):
            raise first
        if first is not None:
            return first  # type: ignore[no-any-return]
        self.bodies.append(request.content)
        key = request.headers["Idempotency-Key"]
        outcomes = [
            self._outcome(f"{key} {place}", line) for place, line in enumerate(request.content.split(b"\n"))
        ]
        return httpx.Response(200, json={"outcomes": outcomes})

    def _outcome(self, name: str, line: bytes) -> dict[str, Any]:
        entry = json.loads(line)
        if "@" not in entry["email"]:
            return {"status": "invalid", "problems": [{"pointer": "email", "detail": "No address."}]}
        if self.created.setdefault(entry["email"], name) != name:
            return {"status": "taken"}
        return {"status": "created", "user": {"tenantId": self.tenant}}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(sending, "sleep", waited.append)
    return waited


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.ndjson"


Run = Callable[[], Done]


@pytest.fixture
def run(file: Path, api: FakeApi, waits: list[float]) -> Run:
    def start() -> Done:
        client = Api(URL, "Bearer it", httpx.MockTransport(api.handle))
        return import_users.run(file, "tenant-a", URL, client, Console(quiet=True))

    return start


def user(number: int | str, profile: str = "") -> str:
    return json.dumps({"email": f"u{number}@x.dev", "name": "U", "profile": profile})


def errors(file: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in file.with_name("users.ndjson.errors.ndjson").read_text().splitlines()
    ]


def test_given_many_users_when_imported_then_each_is_sent_once_by_hundreds(
    file: Path, api: FakeApi, run: Run
) -> None:
    file.write_text("\n".join(user(number) for number in range(250)))
    assert run()[:2] == (250, 0)
    assert [body.count(b"\n") + 1 for body in api.bodies] == [MOST_ENTRIES, MOST_ENTRIES, 50]
    assert len(api.created) == 250
    assert list(file.parent.iterdir()) == [file]


def test_given_long_users_when_imported_then_no_body_is_too_large(file: Path, api: FakeApi, run: Run) -> None:
    file.write_text("\n".join(user(number, "x" * 60_000) for number in range(40)))
    assert run().created == 40
    assert max(map(len, api.bodies)) <= MOST_BYTES
    assert len(api.bodies) == 3


def test_given_users_that_are_refused_when_imported_then_they_are_written_down_with_line_and_reason(
    file: Path, run: Run
) -> None:
    file.write_bytes(f'{user(1)}\n\n{user(1)}\n{{"email": "none"}}\n'.encode() + b"\xff\n" + user(2).encode())
    done = run()
    assert done[:2] == (2, 3)
    assert errors(file) == [
        {
            "line": 3,
            "entry": json.loads(user(1)),
            "problems": [{"pointer": "email", "detail": "A user of the tenant has this e-mail address."}],
        },
        {
            "line": 4,
            "entry": {"email": "none"},
            "problems": [{"pointer": "email", "detail": "No address."}],
        },
        {"line": 5, "entry": "\\xff", "problems": [{"pointer": "", "detail": "The line is not UTF-8."}]},
    ]
    assert stat.S_IMODE(done.errors.stat().st_mode) == 0o600


def test_given_an_interruption_when_run_again_then_it_goes_on_and_nobody_is_there_twice(
    file: Path, api: FakeApi, run: Run
) -> None:
    file.write_text("\n".join([*(user(number) for number in range(150)), '{"email": "none"}', user(0)]))
    original = api.handle

    def dies(request: httpx.Request) -> httpx.Response:
        answer = original(request)
        if len(api.bodies) == 2:
            raise KeyboardInterrupt  # the second request is done, and nobody hears of it
        return answer

    api.handle = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run()
    api.handle = original  # type: ignore[method-assign]
    assert run()[:2] == (150, 2)
    assert len(api.created) == 150
    assert [each["line"] for each in errors(file)] == [151, 152]
    assert len(api.bodies) == 3


def test_given_a_file_that_was_changed_when_run_again_then_it_says_so(
    file: Path, api: FakeApi, run: Run
) -> None:
    file.write_text("\n".join(user(number) for number in range(101)))
    api.before = iter([None, httpx.Response(403)])
    with pytest.raises(MeshError, match="does not accept the token"):
        run()
    file.write_text(user(1))
    with pytest.raises(MeshError, match=r"has changed since its import was interrupted after line 100"):
        run()


def test_given_another_tenants_import_was_interrupted_when_run_then_it_says_so(
    file: Path, api: FakeApi, run: Run, tmp_path: Path
) -> None:
    file.write_text("\n".join(user(number) for number in range(101)))
    api.before = iter([None, httpx.Response(403)])
    with pytest.raises(MeshError, match="token"):
        run()
    client = Api(URL, "Bearer it", httpx.MockTransport(api.handle))
    with pytest.raises(MeshError, match="into tenant-a at http://api/v1 was interrupted"):
        import_users.run(file, "tenant-b", URL, client, Console(quiet=True))


def test_given_an_api_that_asks_to_wait_when_imported_then_it_waits_as_long(
    file: Path, api: FakeApi, run: Run, waits: list[float]
) -> None:
    file.write_text(user(1))
    unavailable = {"outcomes": [{"status": "unavailable"}]}
    api.before = iter(
        [
            httpx.Response(429, headers={"Retry-After": "7"}),
            httpx.Response(503, headers={"Retry-After": "2"}),
            httpx.ConnectError("refused"),
            httpx.Response(200, json=unavailable),
        ]
    )
    assert run().created == 1
    assert waits == [7, 2, 1, 1]


def test_given_an_api_that_stays_away_when_imported_then_it_ends_and_says_how_to_go_on(
    file: Path, api: FakeApi, run: Run
) -> None:
    file.write_text(user(1))
    problem = {"detail": "The users cannot be stored now."}
    api.before = iter(lambda: httpx.Response(503, headers={"Retry-After": "60"}, json=problem), None)
    with pytest.raises(MeshError, match=r"for 300 s: 503 The users cannot be stored now\. Run it again"):
        run()
    api.before = iter([])
    assert run().created == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not accept the token"),
        (404, "no POST /v1/users/import at api"),
        (413, "413 too large"),
    ],
)
def test_given_an_api_that_refuses_when_imported_then_it_says_why(
    file: Path, api: FakeApi, run: Run, status: int, said: str
) -> None:
    file.write_text(user(1))
    api.before = iter([httpx.Response(status, json={"detail": "too large"})])
    with pytest.raises(MeshError, match=said):
        run()


def test_given_a_token_of_another_tenant_when_imported_then_it_ends_after_the_first_hundred(
    file: Path, api: FakeApi, run: Run
) -> None:
    api.tenant = "tenant-b"
    file.write_text("\n".join(user(number) for number in range(300)))
    with pytest.raises(MeshError, match="token is of the tenant tenant-b, not of tenant-a"):
        run()
    assert len(api.bodies) == 1


def test_given_csv_that_ends_in_the_middle_when_imported_then_nothing_is_sent(
    file: Path, api: FakeApi, run: Run, tmp_path: Path
) -> None:
    broken = tmp_path / "users.csv"
    broken.write_text('email,name\nada@x.dev,Ada\nb@x.dev,"B')
    client = Api(URL, "Bearer it", httpx.MockTransport(api.handle))
    with pytest.raises(MeshError, match="line 3"):
        import_users.run(broken, "tenant-a", URL, client, Console(quiet=True))
    assert api.bodies == []
