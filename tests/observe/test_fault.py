"""An alert fires in a real fault, and no other does."""

import os
import signal
from functools import partial

from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh
from tests.observe.conftest import Prometheus

SECONDS = 120


def test_qdrant_is_killed_and_the_alert_of_enrich_fires(mesh: Mesh, prometheus: Prometheus) -> None:
    up = 'mesh_component_up{component="qdrant"}'
    with mesh.client("tenant-a") as client:
        client.create("ada@x.dev", "Ada", "was there before")
        assert wait_until(partial(client.finds, "was there before"), SECONDS)
        assert wait_until(lambda: prometheus.now(up) == [1], SECONDS)
        assert prometheus.firing() == set()

        os.kill(mesh.component("qdrant")["pid"], signal.SIGKILL)
        client.create("eve@x.dev", "Eve", "came while it was down")

        assert wait_until(lambda: "EnrichErrors" in prometheus.firing(), SECONDS)
        assert prometheus.firing() == {"EnrichErrors"}
        assert prometheus.now(up) == [0]

        mesh.run("up")
        assert wait_until(partial(client.finds, "came while it was down"), SECONDS)
        assert wait_until(lambda: prometheus.now(up) == [1], SECONDS)
