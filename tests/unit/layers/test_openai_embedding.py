"""The provider `openai`, against a server that answers as those of its kind were reported to.

What each situation was taken from stands beside it: repository and number of a public thread.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from vectors.embedding.openai.embed import batches

from tests import sam

DIMENSION = 3
Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]


class Server:
    """An embeddings server: it answers as it was told, in turn, and then as it should."""

    def __init__(self) -> None:
        self.replies: list[Reply | Callable[[dict[str, Any]], Reply | None]] = []
        self.always: Callable[[dict[str, Any]], Reply | None] = lambda _: None
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.url = ""

    def answer(self, body: dict[str, Any]) -> Reply:
        told = self.replies.pop(0) if self.replies else None
        reply = told(body) if callable(told) else told
        return reply or self.always(body) or (200, vectors(body["input"]))


def vector(text: str) -> list[float]:
    """Return what the server knows of a text: far from a unit vector."""
    return [float(len(text)), 2.0, 0.5]


def vectors(texts: Sequence[str]) -> dict[str, Any]:
    return {"data": [{"index": place, "embedding": vector(text)} for place, text in enumerate(texts)]}


def refusing(word: str, status: int, error: Any = None) -> Callable[[dict[str, Any]], Reply | None]:
    """Refuse whatever has a text with this word in it."""
    return lambda body: (status, {"error": error}) if any(word in text for text in body["input"]) else None


@pytest.fixture
def server() -> Iterator[Server]:
    fake = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.bodies.append(body)
            fake.keys.append(self.headers["Authorization"])
            fake.paths.append(self.path)
            status, said, *headers = fake.answer(body)
            text = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            for name, value in (headers[0] if headers else {}).items():
                self.send_header(name, value)
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has given up
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        fake.url = f"http://127.0.0.1:{http.server_port}/v1"
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield fake
        http.shutdown()


@pytest.fixture
def environment(fresh_layers: None, server: Server, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Choose the provider; waits are noted, and not waited for."""
    given = {
        "EMBEDDING_PROVIDER": "openai",
        "EMBEDDING_URL": server.url,
        "EMBEDDING_MODEL": "text-embedding-3-small",
        "EMBEDDING_DIMENSION": str(DIMENSION),
    }
    for variable, value in {**sam.environment("enrich"), **given}.items():
        monkeypatch.setenv(variable, value)
    return monkeypatch


@pytest.fixture
def pauses(environment: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    environment.setattr("time.sleep", waited.append)
    return waited


class Embedding:
    """The layer's package, imported anew."""

    def __init__(self) -> None:
        self.module = import_module("vectors.embedding")
        self.unavailable = import_module("vectors.errors").UnavailableError
        self.refused = import_module("vectors.embedding.vector").Refused

    def passages(self, texts: Sequence[str], millis: int = 60_000) -> list[Any]:
        found: list[Any] = self.module.embed_passages(texts, lambda: millis)
        return found


@pytest.fixture
def embedding(environment: pytest.MonkeyPatch, pauses: list[float]) -> Embedding:
    return Embedding()


def unit(text: str) -> Any:
    x, y, z = vector(text)
    length = (x * x + y * y + z * z) ** 0.5
    return pytest.approx([x / length, y / length, z / length])


def test_given_texts_when_embedded_then_each_has_its_unit_vector(
    embedding: Embedding, server: Server
) -> None:
    assert embedding.passages(["a", "four"]) == [unit("a"), unit("four")]
    assert server.bodies == [
        {"model": "text-embedding-3-small", "input": ["a", "four"], "encoding_format": "float"}
    ]
    assert (server.paths, server.keys) == (["/v1/embeddings"], [None])


def test_given_the_provider_when_embedded_then_no_model_is_even_imported(embedding: Embedding) -> None:
    embedding.module.open_embedder()
    embedding.passages(["a"])
    assert "vectors.embedding.local" not in sys.modules


def test_given_no_text_when_embedded_then_nobody_is_asked(embedding: Embedding, server: Server) -> None:
    """openai/openai-python#519: an empty list is answered 400."""
    assert (embedding.passages([]), server.bodies) == ([], [])


def test_given_another_order_when_answered_then_vectors_are_their_texts(
    embedding: Embedding, server: Server
) -> None:
    server.replies = [lambda body: (200, {"data": vectors(body["input"])["data"][::-1]})]
    assert embedding.passages(["a", "four"]) == [unit("a"), unit("four")]


@pytest.mark.parametrize("suffix", ["", "/", "/embeddings"])
def test_given_an_address_as_people_write_it_when_embedded_then_the_path_is_right(
    environment: pytest.MonkeyPatch, server: Server, suffix: str
) -> None:
    environment.setenv("EMBEDDING_URL", server.url + suffix)
    Embedding().passages(["a"])
    assert server.paths == ["/v1/embeddings"]


def test_given_prefixes_and_input_types_when_embedded_then_query_and_passage_have_their_own(
    environment: pytest.MonkeyPatch, server: Server
) -> None:
    for kind in ("QUERY", "PASSAGE"):
        environment.setenv(f"EMBEDDING_{kind}_PREFIX", f"{kind.lower()}:")
        environment.setenv(f"EMBEDDING_{kind}_INPUT_TYPE", kind.lower())
    environment.setenv("EMBEDDING_SEND_DIMENSION", "true")
    embedding = Embedding()
    embedding.passages(["a"])
    embedding.module.embed_query("b")
    assert [(body["input"], body["input_type"], body["dimensions"]) for body in server.bodies] == [
        (["passage: a"], "passage", DIMENSION),
        (["query: b"], "query", DIMENSION),
    ]


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_given_a_server_that_takes_few_at_once_when_embedded_then_the_batch_is_halved(
    embedding: Embedding, server: Server, status: int
) -> None:
    """memodb-io/memobase#142: 10 at once; topoteretes/cognee#4954: 2,048; nantobv/pituitary#205: 500."""
    server.always = lambda body: (status, {"error": "too many"}) if len(body["input"]) > 10 else None
    texts = ["x" * number for number in range(1, 33)]
    assert embedding.passages(texts) == [unit(text) for text in texts]


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_given_one_text_that_is_refused_when_embedded_then_it_alone_is(
    embedding: Embedding, server: Server, status: int
) -> None:
    """ollama/ollama#9639, #12921: a text without a vector; canonical/inference-snaps#344: a long one."""
    server.always = refusing("bad", status, {"code": "context_length_exceeded", "message": "bad is personal"})
    first, second, third = embedding.passages(["a", "bad", "four"])
    assert (first, third) == (unit("a"), unit("four"))
    assert second == embedding.refused(
        f"The embedding provider answers HTTP {status} (context_length_exceeded)"
    )


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_given_a_server_that_refuses_every_text_when_embedded_then_no_text_is_to_blame(
    embedding: Embedding, server: Server, status: int
) -> None:
    server.always = lambda _: (status, {"error": {"code": "unsupported_parameter"}})
    with pytest.raises(embedding.unavailable, match="whatever the text"):
        embedding.passages(["a", "b", "c"])


@pytest.mark.parametrize("embedded", [[], [0.0, 0.0, 0.0], [None, 1.0, 1.0]])
def test_given_a_vector_without_a_direction_when_embedded_then_that_text_is_refused(
    embedding: Embedding, server: Server, embedded: list[Any]
) -> None:
    """garrytan/gbrain#328: empty vectors; HKUDS/LightRAG#1870: NaN."""

    def answer(body: dict[str, Any]) -> Reply:
        said = vectors(body["input"])
        for each, text in zip(said["data"], body["input"], strict=True):
            if text == "bad":
                each["embedding"] = embedded
        return 200, said

    server.always = answer
    first, second = embedding.passages(["a", "bad"])
    assert (first, type(second)) == (unit("a"), embedding.refused)


def test_given_empty_vectors_to_a_batch_alone_when_embedded_then_texts_are_asked_for_one_by_one(
    embedding: Embedding, server: Server
) -> None:
    """garrytan/gbrain#328."""
    server.always = lambda body: (
        (200, {"data": [{"index": place, "embedding": []} for place in range(len(body["input"]))]})
        if len(body["input"]) > 1
        else None
    )
    assert embedding.passages(["a", "four"]) == [unit("a"), unit("four")]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_given_a_server_that_is_busy_when_embedded_then_it_is_asked_again_after_a_longer_pause_each_time(
    embedding: Embedding, server: Server, pauses: list[float], status: int
) -> None:
    server.replies = [(status, b"busy")] * 3
    assert embedding.passages(["a"]) == [unit("a")]
    assert pauses == [0.5, 1.0, 2.0]


def test_given_a_wait_that_is_asked_for_when_embedded_then_it_is_kept(
    embedding: Embedding, server: Server, pauses: list[float]
) -> None:
    soon = formatdate(usegmt=True)  # a date that is past asks for the shortest wait
    server.replies = [(429, b"", {"Retry-After": "7"}), (503, b"", {"Retry-After": soon})]
    assert embedding.passages(["a"]) == [unit("a")]
    assert pauses == [7, 1]


def test_given_a_wait_beyond_the_invocation_when_embedded_then_it_is_said_and_not_waited_for(
    embedding: Embedding, server: Server, pauses: list[float]
) -> None:
    server.replies = [(429, b"", {"Retry-After": "60"})]
    with pytest.raises(embedding.unavailable) as error:
        embedding.passages(["a"], millis=30_000)
    assert (error.value.retry_after_seconds, pauses, len(server.bodies)) == (60, [], 1)


def test_given_a_server_that_stays_down_when_embedded_then_it_is_given_up(
    environment: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    environment.setenv("EMBEDDING_URL", "http://127.0.0.1:9/v1")
    embedding = Embedding()
    with pytest.raises(embedding.unavailable, match="did not answer: ConnectError"):
        embedding.passages(["a"])


def test_given_a_server_that_is_slow_when_embedded_then_a_batch_that_takes_too_long_is_halved(
    embedding: Embedding, server: Server, environment: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def answer(body: dict[str, Any]) -> None:
        if len(body["input"]) > 2:
            over.wait(10)

    environment.setattr(import_module("vectors.embedding.openai.request"), "_ANSWER_SECONDS", 0.5)
    server.always = answer
    texts = ["a", "bb", "ccc", "dddd"]
    assert embedding.passages(texts) == [unit(text) for text in texts]
    over.set()


def test_given_no_time_left_when_embedded_then_nobody_is_asked(embedding: Embedding, server: Server) -> None:
    with pytest.raises(embedding.unavailable, match="No time is left"):
        embedding.passages(["a"], millis=10_000)
    assert server.bodies == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"<html>", "not one of /embeddings"),
        ({"embeddings": []}, "not one of /embeddings"),
        ({"data": [{"index": 0}]}, "not one of /embeddings"),
        ({"data": []}, "0 vectors to 2 texts"),
        (vectors(["a", "b", "c"]), "3 vectors to 2 texts"),
        ({"data": vectors(["a", "b"])["data"][:1] * 2}, "not one for each"),
        ({"data": [{"embedding": [1.0, 1.0]}] * 2}, "2 dimensions, EmbeddingDimension is 3"),
        ({"data": [{"embedding": "AACAPwAAgD8="}] * 2}, "not one of /embeddings"),
    ],
)
def test_given_an_answer_that_is_wrong_when_embedded_then_it_says_how_and_no_text_is_to_blame(
    embedding: Embedding, server: Server, said: Any, why: str
) -> None:
    """openai/openai-node#2150, vllm-project/vllm#6744: base64, and other dimensions than asked for."""
    server.always = lambda _: (200, said)
    with pytest.raises(embedding.unavailable, match=why):
        embedding.passages(["a", "b"])


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "secret"), (403, "its key may"), (404, "EmbeddingModel"), (301, "Url")]
)
def test_given_settings_that_are_wrong_when_embedded_then_it_says_which_and_no_text_is_to_blame(
    embedding: Embedding, server: Server, pauses: list[float], status: int, advice: str
) -> None:
    server.always = lambda _: (status, {"error": {"message": "no"}})
    with pytest.raises(embedding.unavailable, match=advice):
        embedding.passages(["a", "b"])
    assert (len(server.bodies), pauses) == (1, [])


class TestKey:
    """The key, of a secret that may be changed at any time."""

    @pytest.fixture
    def secret(self, environment: pytest.MonkeyPatch) -> Iterator[Any]:
        with mock_aws():
            client = boto3.client("secretsmanager", region_name="us-east-1")
            arn = client.create_secret(Name="embedding", SecretString='{"apiKey": "first"}')["ARN"]
            environment.setenv("EMBEDDING_SECRET_ARN", arn)
            environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
            yield client

    def test_given_a_secret_when_embedded_then_it_is_read_once_and_sent(
        self, secret: Any, server: Server
    ) -> None:
        embedding = Embedding()
        embedding.passages(["a"])
        secret.put_secret_value(SecretId="embedding", SecretString='{"apiKey": "second"}')
        embedding.passages(["b"])
        assert server.keys == ["Bearer first"] * 2

    def test_given_a_key_that_was_changed_when_it_is_refused_then_the_new_one_is_read(
        self, secret: Any, server: Server
    ) -> None:
        embedding = Embedding()
        embedding.passages(["a"])
        secret.put_secret_value(SecretId="embedding", SecretString='{"apiKey": "second"}')
        server.always = lambda _: (401, b"") if server.keys[-1] == "Bearer first" else None
        assert embedding.passages(["b"]) == [unit("b")]
        assert server.keys == ["Bearer first", "Bearer first", "Bearer second"]

    def test_given_a_key_that_stays_refused_when_embedded_then_it_is_not_in_what_is_said(
        self, secret: Any, server: Server
    ) -> None:
        embedding = Embedding()
        server.always = lambda _: (401, {"error": {"message": "Incorrect API key provided: first"}})
        with pytest.raises(embedding.unavailable) as error:
            embedding.passages(["a"])
        assert ("first" in str(error.value), len(server.bodies)) == (False, 1)

    @pytest.mark.parametrize("text", ["first", '{"key": "first"}', "[]"])
    def test_given_a_secret_of_another_form_when_opened_then_it_is_named_without_its_content(
        self, secret: Any, text: str
    ) -> None:
        secret.put_secret_value(SecretId="embedding", SecretString=text)
        embedding = Embedding()
        with pytest.raises(embedding.unavailable, match="apiKey") as error:
            embedding.module.open_embedder()
        assert "first" not in str(error.value)

    def test_given_a_secret_that_is_not_there_when_opened_then_it_is_named(self, secret: Any) -> None:
        secret.delete_secret(SecretId="embedding", ForceDeleteWithoutRecovery=True)
        embedding = Embedding()
        with pytest.raises(embedding.unavailable, match="Check EmbeddingSecretArn"):
            embedding.module.open_embedder()


def test_given_no_address_when_read_then_the_variable_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("EMBEDDING_URL")
    with pytest.raises(ValueError, match="EMBEDDING_URL"):
        Embedding().passages(["a"])


def test_given_a_query_that_is_refused_when_embedded_then_it_is_told_from_a_failure(
    embedding: Embedding, server: Server
) -> None:
    server.always = refusing("bad", 400)
    with pytest.raises(import_module("vectors.errors").QueryRefusedError):
        embedding.module.embed_query("bad")


@given(texts=st.lists(st.text(max_size=200_000), max_size=20), size=st.integers(1, 8))
def test_given_texts_of_any_length_when_batched_then_no_batch_is_too_large(
    texts: list[str], size: int
) -> None:
    found = list(batches(texts, size))
    assert [text for batch in found for text in batch] == texts
    for batch in found:
        assert 1 <= len(batch) <= size
        assert len(batch) == 1 or sum(len(text.encode()) for text in batch) <= 256 * 1024
