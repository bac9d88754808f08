"""Many requests at once: each is answered, by no more workers than the machine is to have."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
from lambda_workers import places
from mesh.clients import aws
from mesh.clients.http_api import TenantClient

from tests.e2e.mesh_command import Mesh

AT_ONCE = 30


def workers(mesh: Mesh) -> Counter[str]:
    """Return how many workers each function has now."""
    found: Counter[str] = Counter()
    for process in psutil.Process(mesh.component("aws")["pid"]).children(recursive=True):
        with suppress(psutil.Error):
            found[process.environ().get("AWS_LAMBDA_FUNCTION_NAME", "")] += 1
    del found[""]
    return found


def test_thirty_creates_at_once_are_all_answered_by_a_few_workers(
    mesh: Mesh, tenant: Callable[[], TenantClient]
) -> None:
    client, functions = tenant(), aws.client("lambda", mesh.state().aws_endpoint_url)

    seen = []
    with ThreadPoolExecutor(AT_ONCE) as clients:
        creating = [clients.submit(client.create, f"user{n}@x.dev", "User") for n in range(AT_ONCE)]
        while not all(each.done() for each in creating):
            seen.append(workers(mesh))

    assert len({each.result()["id"] for each in creating}) == AT_ONCE
    assert seen
    for name in set().union(*seen):
        memory_mb = functions.get_function_configuration(FunctionName=name)["MemorySize"]
        assert max(counts[name] for counts in seen) <= places.at_once(memory_mb), name
