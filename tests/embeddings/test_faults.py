"""The server that embeds is killed and frozen under load: nobody is lost, and search says that it cannot."""

import pytest
from mesh.clients.http_api import TenantClient

from tests.e2e.mesh_command import Mesh
from tests.embeddings.conftest import NewTenant
from tests.faults.harm import kill, last, process, start_again
from tests.faults.trial import Trial

pytestmark = pytest.mark.timeout(400)


def test_the_server_is_killed_and_starts_again_15_s_later(
    mesh: Mesh, trial: Trial, tenant: NewTenant
) -> None:
    with trial.under_load():
        kill(mesh, "embeddings")
        last(10)
        assert_unavailable(tenant())
        start_again(mesh)

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}


def test_the_server_stands_still_for_20_s(mesh: Mesh, trial: Trial, tenant: NewTenant) -> None:
    server = process(mesh, "embeddings")
    with trial.under_load():
        server.suspend()
        try:
            last(10)
            assert_unavailable(tenant())
        finally:
            server.resume()

    verdict = trial.settle()
    assert verdict.wrong == {}
    assert verdict.errors == {}


def test_afterwards_no_user_is_a_dead_letter(mesh: Mesh) -> None:
    assert mesh.run("dlq", "list", "--json").strip() in ("", "[]")


def assert_unavailable(client: TenantClient) -> None:
    answer = client.http.get("/ai/users/search", params={"query": "a person"})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
