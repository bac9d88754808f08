"""Requests over HTTP, and how a host ends."""

import http.client
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from mesh.process import wait_until

from tests.integration.function_host.conftest import WAIT_SECONDS, Hosts, Running
from tests.unit.emf_exporter.emf import document

GATEWAY_RESPONSES = {
    "THROTTLED": {"StatusCode": 429, "ResponseParameters": {"Headers": {"Retry-After": "'5'"}}},
    "DEFAULT_5XX": {"ResponseTemplates": {"application/json": '{"detail":$context.error.messageString}'}},
}


def post(running: Running, **told: Any) -> httpx.Response:
    return httpx.post(f"{running.url}/x", json=told, timeout=WAIT_SECONDS)


def problem(response: httpx.Response, status: int) -> None:
    """Assert that the gateway itself has answered."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == response.headers["x-amzn-requestid"]
    assert response.json()["status"] == status


def test_a_function_gets_the_request_and_its_answer_is_the_response(shared: Running) -> None:
    response = httpx.request(
        "PROPFIND",
        f"{shared.url}/a%20b/c/?q=1&q=2",
        headers=[("X-Several", "1"), ("X-Several", "2")],
        content="text",
    )

    event = response.json()
    assert (event["httpMethod"], event["path"], event["body"]) == ("PROPFIND", "/a%20b/c/", "text")
    assert event["pathParameters"] == {"proxy": "a%20b/c"}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert event["multiValueHeaders"]["X-Several"] == ["1", "2"]
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"] == response.headers["x-amzn-requestid"]


def test_whom_a_trusted_proxy_names_is_the_client(shared: Running) -> None:
    event = httpx.get(
        f"{shared.url}/x", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    ).json()

    assert event["requestContext"]["identity"]["sourceIp"] == "192.0.2.7"
    assert event["headers"]["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize("host", ["[", "a:b:c", "a.dev/x?y#z"])
def test_a_strange_host_header_refuses_no_request(shared: Running, host: str) -> None:
    response = httpx.get(f"{shared.url}/x", headers={"Host": host})

    assert (response.status_code, response.json()["headers"]["Host"]) == (200, host)


def test_cookies_bytes_and_statuses_get_through(shared: Running) -> None:
    answer = {
        "statusCode": 201,
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "headers": {"Content-Type": "image/png"},
        "body": "/wA=",
        "isBase64Encoded": True,
    }

    response = post(shared, do="respond", response=answer)

    assert (response.status_code, response.content) == (201, b"\xff\x00")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers.get_list("content-type") == ["image/png"]


def test_head_has_the_headers_of_a_body_and_none(shared: Running) -> None:
    response = httpx.head(f"{shared.url}/x")

    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(shared: Running, status: int) -> None:
    with httpx.Client() as client:
        for _ in range(2):  # on one connection: a body would be read as the next answer
            response = client.post(
                f"{shared.url}/x", json={"do": "respond", "response": {"statusCode": status, "body": "no"}}
            )
            assert (response.status_code, response.content) == (status, b"")


def test_an_unknown_path_is_what_api_gateway_calls_it(shared: Running) -> None:
    problem(httpx.get(f"{shared.url}/"), 403)


@pytest.mark.parametrize(("size", "status"), [(6 * 2**20, 413), (10 * 2**20 + 1, 413), (2**20, 200)])
def test_a_body_may_be_so_large(shared: Running, size: int, status: int) -> None:
    response = httpx.post(f"{shared.url}/x", content=b"x" * size, timeout=WAIT_SECONDS)

    if status == 200:
        assert response.json()["body"] == "x" * size
    else:
        problem(response, status)


@pytest.mark.parametrize(
    "told",
    [
        {"do": "fail"},
        {"do": "leave"},
        {"do": "large", "bytes": 7 * 2**20},
        {"do": "respond", "response": "text"},
        {"do": "respond", "response": {"statusCode": 200, "else": 1}},
    ],
    ids=["raises", "ends", "too much", "no object", "malformed"],
)
def test_a_function_that_fails_is_a_bad_gateway(shared: Running, told: dict[str, Any]) -> None:
    problem(post(shared, **told), 502)


def test_what_takes_longer_than_the_gateway_waits_is_a_timeout(
    host: Hosts, gate: Path, tmp_path: Path
) -> None:
    running = host(gateway={"timeout_seconds": 1})

    response = post(running, do="wait", name="w", folder=str(tmp_path), gate=str(gate))

    problem(response, 504)
    gate.touch()


def test_a_client_that_goes_away_takes_no_worker_with_it(host: Hosts, gate: Path, tmp_path: Path) -> None:
    running = host(max_workers=1, queue_seconds=WAIT_SECONDS)
    body = json.dumps({"do": "wait", "name": "w", "folder": str(tmp_path), "gate": str(gate)}).encode()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert wait_until(lambda: [*tmp_path.glob("w-*")] != [], WAIT_SECONDS)
    gate.touch()

    assert post(running).status_code == 200
    assert len(running.workers()) == 1


def test_the_templates_responses_count(host: Hosts, gate: Path, tmp_path: Path) -> None:
    running = host(
        max_workers=1, queue_seconds=0, gateway={"responses": GATEWAY_RESPONSES, "base_path": "/v1"}
    )
    url = f"{running.url}/v1/x"
    wait = {"do": "wait", "name": "w", "folder": str(tmp_path), "gate": str(gate)}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, url, json=wait, timeout=WAIT_SECONDS)
        assert wait_until(lambda: [*tmp_path.glob("w-*")] != [], WAIT_SECONDS)

        throttled = httpx.get(url)

        gate.touch()
        assert waiting.result().status_code == 200
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "5")
    failed = httpx.post(url, json={"do": "fail"})
    assert (failed.status_code, failed.json()) == (502, {"detail": "Internal server error"})
    problem(httpx.get(f"{running.url}/x"), 403)  # not behind the base path


def test_metrics_are_the_hosts_and_the_functions_own(host: Hosts) -> None:
    running = host()
    for _ in range(2):
        post(running, do="write", text=document({"Requests": "Count"}, Requests=1, tenant="tenant-a"))
        running.metrics()  # a series is shown at 0 first

    text = running.metrics()

    assert 'event_mesh_requests_total{tenant="tenant-a"} 2.0' in text
    assert 'function_host_requests_total{method="POST",resource="/{proxy+}",status="200"} 2.0' in text
    assert 'function_host_invocation_duration_seconds_count{function="f"} 2.0' in text
    assert 'function_host_workers{function="f",state="idle"} 1.0' in text
    assert '"tenant-a"' in running.output  # and the log has it


def test_neither_health_nor_invocations_are_the_clients_business(shared: Running) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/2015-03-31/functions/f/invocations"):
        assert httpx.post(f"{shared.url}{path}", content="").json()["path"] == path
    assert httpx.get(f"{shared.internal_url}/livez").text == "ok\n"


def test_what_has_begun_ends_before_the_host_does(host: Hosts, gate: Path, tmp_path: Path) -> None:
    running = host()
    workers = running.workers()
    wait = partial(post, running, do="wait", folder=str(tmp_path), gate=str(gate))
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(wait, name="w1")
        assert wait_until(lambda: len([*tmp_path.glob("w?-*")]) == 1, WAIT_SECONDS)

        ending = pool.submit(running.terminate)
        assert wait_until(lambda: _refused(running.port), WAIT_SECONDS)

        assert httpx.get(f"{running.internal_url}/readyz").status_code == 503
        assert httpx.get(f"{running.internal_url}/livez").status_code == 200
        gate.touch()
        assert waiting.result().text == "let go"
        assert ending.result() == 0
    assert not any(psutil.pid_exists(each.pid) for each in workers)


def test_what_does_not_end_in_time_is_ended(host: Hosts) -> None:
    running = host("--grace-seconds", "1")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(running.invoke, do="sleep")
        assert wait_until(lambda: 'state="busy"} 1.0' in running.metrics(), WAIT_SECONDS)

        assert running.terminate() == 0

    assert "did not end in time" in running.errors


def test_who_asks_twice_does_not_wait(host: Hosts) -> None:
    running = host("--drain-delay-seconds", "600", "--grace-seconds", "600")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(running.invoke, do="sleep")
        assert wait_until(lambda: 'state="busy"} 1.0' in running.metrics(), WAIT_SECONDS)
        running.process.send_signal(signal.SIGINT)
        assert wait_until(lambda: not running.ready(), WAIT_SECONDS)

        assert running.terminate() == 0


def test_under_load_nothing_is_lost_when_the_host_ends(host: Hosts) -> None:
    """Clients send as a load balancer does: until the host says that it is not ready, and then no more."""
    running = host("--drain-delay-seconds", "2", max_workers=4, queue_seconds=WAIT_SECONDS)
    sent: list[int] = []

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=WAIT_SECONDS)
        while running.ready():
            connection.request("GET", "/x")
            response = connection.getresponse()
            response.read()
            sent.append(response.status)

    with ThreadPoolExecutor(9) as pool:
        sending = [pool.submit(send) for _ in range(8)]
        assert wait_until(lambda: len(sent) > 100, WAIT_SECONDS)
        assert pool.submit(running.terminate).result() == 0
        for each in sending:
            each.result()  # a connection that was reset, or a request that was refused, would raise
    assert set(sent) == {200}


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
