"""What a person gives to the mesh command: one clear message for what cannot be, never a stack trace."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mesh import arguments, paths, state
from mesh.commands import reindex
from mesh.commands.watching import logs
from mesh.deployment import deploy, issuer, template_parameters
from mesh.errors import MeshError
from mesh.kafka import dead_letters
from mesh.state import State
from tenant_auth.identity import TENANT

DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(DEEP, "nested too deeply", id="nested"),
        pytest.param(b"{", "is not JSON", id="cut-off"),
        pytest.param(b'{"a": "\xff"}', "is not JSON", id="no-utf-8"),
        pytest.param(b'{"a": NaN}', "is not JSON: NaN", id="nan"),
        pytest.param(b'"' + b"x" * 2**23 + b'"', "larger than 6 MB", id="large"),
    ],
)
def test_given_an_event_that_lambda_does_not_take_when_read_then_it_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(content)

    with pytest.raises(MeshError, match=said):
        arguments.event(file)


def test_given_an_event_when_read_then_it_is_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"é": [1, 2.5, null, "\\u0000"]}')

    assert arguments.event(file) == r'{"\u00e9": [1, 2.5, null, "\u0000"]}'


@pytest.mark.parametrize("name", ["", "-a", "a b", "a:b", "a\n", "ä", "x" * 500])
@pytest.mark.parametrize(
    "given", [arguments.tenant, lambda name: dead_letters.choose(None, name)], ids=["token", "dlq"]
)
def test_given_a_tenant_that_the_api_refuses_when_asked_for_then_its_form_is_told(
    name: str, given: Callable[[str], object]
) -> None:
    assert not TENANT.fullmatch(name)
    with pytest.raises(MeshError) as caught:
        given(name)
    assert TENANT.pattern in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 500])
def test_given_a_user_that_the_api_refuses_when_asked_for_then_it_is_refused(name: str) -> None:
    with pytest.raises(MeshError, match="There can be no user"):
        arguments.user(name)


def test_given_bytes_that_are_no_text_when_given_as_an_option_then_it_is_named() -> None:
    with pytest.raises(MeshError, match="is not UTF-8"):
        arguments.utf8("LogLevel=\udcff", "--parameter")


def test_given_a_mesh_that_takes_no_signed_token_when_one_is_made_then_it_says_what_to_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template_parameters, "given", lambda _: {"AuthMode": "dev"})

    with pytest.raises(MeshError) as caught:
        issuer.accepted(State(), "tenant-a", "me", 60)

    assert "Authorization: Bearer tenant-a:me" in str(caught.value)
    assert "mesh up --parameter AuthMode=jwt" in str(caught.value)


@pytest.mark.parametrize(
    "content", [DEEP, b"[]", b"{", b"\xff", b'{"tenant": [], "cursor": 1, "components": 5}']
)
@pytest.mark.parametrize(("name", "read"), [("STATE", state.load), ("REINDEX", reindex._saved)])
def test_given_a_damaged_file_of_the_mesh_when_read_then_it_says_so_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[], object], content: bytes
) -> None:
    monkeypatch.setattr(paths, name, tmp_path / "file.json")
    (tmp_path / "file.json").write_bytes(content)

    with pytest.raises(MeshError, match=r"file\.json is damaged.*emove it"):
        read()


@pytest.mark.parametrize("content", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_given_a_damaged_key_when_a_token_is_made_then_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(paths, "ISSUER_KEY", tmp_path / "issuer.pem")
    (tmp_path / "issuer.pem").write_text(content)

    with pytest.raises(MeshError, match=r"issuer\.pem is damaged"):
        issuer.jwks()


@pytest.mark.parametrize("found", [State(), State(api_url="http://api", aws_endpoint_url="http://aws")])
@pytest.mark.parametrize("name", ["nope", "../../nope", ""])
def test_given_no_such_log_when_asked_for_then_all_that_there_are_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, found: State
) -> None:
    monkeypatch.setattr(paths, "LOGS", tmp_path)
    monkeypatch.setattr(deploy, "find_function", lambda *_: None)

    with pytest.raises(MeshError, match="There is no log") as caught:
        next(logs.lines(found, name, follow=False))

    for each in ("kafka", "qdrant", "aws", "poller", "schedule", "build", "create_user", "enrich"):
        assert each in str(caught.value)
    assert ("No mesh is running" in str(caught.value)) == (not found.api_url)


def test_given_a_choice_of_letters_when_replayed_then_the_group_that_remembers_it_keeps_its_name() -> None:
    assert dead_letters.Choice().group == "event-mesh.dlq"  # renamed, everything would be replayed again
    assert dead_letters.Choice("fatal", "acme").group == "event-mesh.dlq.reason=fatal.tenant=acme"
