"""A file of users becomes users of a tenant, each once; what is refused is written down."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from mesh.clients.http_api import TenantClient
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh

SECONDS = 60
NewTenant = Callable[[], TenantClient]


def test_a_file_is_imported_once_and_what_is_refused_is_written_down(
    mesh: Mesh, tenant: NewTenant, tmp_path: Path
) -> None:
    client = tenant()
    client.create("taken@x.dev", "Taken")
    file = tmp_path / "users.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(["name", "email", "profile"])
        rows.writerows([f"User {n}", f"u{n}@x.dev", f"line one\nkeeps {n} bees, well"] for n in range(120))
        rows.writerow(["Nobody", "no address", ""])
        rows.writerow(["Second", "Taken@x.dev", ""])

    first = mesh.run("import", str(file), "--tenant", client.tenant, code=1)

    errors = tmp_path / "users.csv.errors.ndjson"
    assert "120 created, 2 refused" in first
    assert str(errors) in first.replace("\n", "")
    refused = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(each["line"], each["entry"]["name"]) for each in refused] == [(242, "Nobody"), (243, "Second")]
    assert all(each["problems"][0]["detail"] for each in refused)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["users.csv", errors.name]
    assert sum(1 for _ in client.users(page_size=100)) == 121
    assert wait_until(lambda: client.finds("line one\nkeeps 7 bees, well"), SECONDS)

    assert "120 created, 2 refused" in mesh.run("import", str(file), "--tenant", client.tenant, code=1)
    assert sum(1 for _ in client.users(page_size=100)) == 121


def test_what_cannot_be_imported_is_said(mesh: Mesh, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text("email,name,phone\n")
    arguments = ("import", str(file), "--tenant", "tenant-a")
    for options, said in {
        (): "has the column 'phone'",
        ("--url", "http://127.0.0.1:1"): "--url wants a token",
    }.items():
        output = mesh.run(*arguments, *options, code=2)
        assert said in output
        assert "Traceback" not in output
    file.write_text("email,name\na@x.dev,A\n")
    assert "does not accept the token (401)" in mesh.run(*arguments, "--token", "nonsense", code=2)
