"""No content makes a function take more memory or time than it has: the kernel holds each to four fifths."""

import json
from pathlib import Path
from typing import Any

import pytest
from kafka_esm.consumer.event import MAX_PAYLOAD_BYTES
from mesh import paths
from mesh.deployment import built_function
from mesh.errors import MeshError
from qdrant_client import QdrantClient
from users.events import Record, user_created

from tests import sam
from tests.integration.layers.as_built import LOGICAL_IDS, answers, http
from tests.kafka import delivered
from tests.people import ALICE
from tests.unit import gateway

LONGEST = {  # each is as many tokens as the model reads
    "punctuation": "! ",
    "Chinese": "漢",
    "German": "Donaudampfschifffahrtsgesellschaft ",
    "Arabic": "ع ",
    "Russian": "щ ",
    "Japanese": "あ",
    "quotes": '"\\ ',
}
OTHERS = {
    "one word": "x",
    "blanks": " ",
    "emoji": "😀",
    "combining marks": "a\u0301\u0302\u0303",
    "Thai": "ก",
    "nothing to see": "\u200b",
    "hieroglyphs": "𓀀",
}
FRAME_BYTES = 200  # of a record in an event, beside its value and its headers
MOST_RECORDS = sam.template()["Parameters"]["EnrichBatchSize"]["MaxValue"]


def limits(function: str, part: int = 1) -> dict[str, int]:
    """Return four fifths of what a function has. Time of the processor, as other tests have it too.

    Of a part of the work it is the same memory, and that part of the time.
    """
    shared, own = sam.template()["Globals"]["Function"], sam.functions()[function]
    memory, timeout = (own.get(name, shared[name]) for name in ("MemorySize", "Timeout"))
    return {"RLIMIT_DATA": memory * 2**20 * 4 // 5, "RLIMIT_CPU": timeout * 4 // 5 // part}


def record(user_id: int, text: str, of_bytes: int) -> Record:
    """Return the record of a user that takes so much of an event, with as much of a text as fits."""
    user = ALICE.model_copy(update={"id": user_id, "tenant_id": "tenant-w"})
    bare = user_created(user)
    frame = FRAME_BYTES + len(json.dumps([list(value) for _, value in bare.headers])) + 40 * len(bare.headers)
    room = (of_bytes - frame) * 3 // 4 - len(bare.value or b"")
    profile = text * (room // len(json.dumps(text, ensure_ascii=False).encode()[1:-1]))
    return user_created(user.model_copy(update={"profile": profile}))


def assert_full(event: dict[str, Any]) -> None:
    assert 0.9 * MAX_PAYLOAD_BYTES < len(json.dumps(event)) < 1.1 * MAX_PAYLOAD_BYTES


def test_a_quarter_of_the_largest_batch_of_the_longest_texts_takes_no_more_than_a_quarter_of_the_time(
    runtime: Path, services: dict[str, str]
) -> None:
    """Texts go through the model a few at a time: more of them take longer, and no more memory."""
    texts = list(LONGEST.values())
    batch = delivered(
        *(
            record(number, texts[number % len(texts)], MAX_PAYLOAD_BYTES // MOST_RECORDS)
            for number in range(1, MOST_RECORDS // 4 + 1)
        )
    )
    assert answers("enrich", runtime, batch, limits=limits("enrich", part=4), **services) == [None]


def test_a_record_as_large_as_a_batch_is_indexed_whatever_its_text(
    runtime: Path, services: dict[str, str]
) -> None:
    batches = [
        delivered(record(number, text, MAX_PAYLOAD_BYTES))
        for number, text in enumerate({**LONGEST, **OTHERS}.values(), start=1)
    ]
    for batch in batches:
        assert_full(batch)
    assert set(answers("enrich", runtime, *batches, limits=limits("enrich"), **services)) == {None}


def test_the_longest_query_is_answered(runtime: Path, services: dict[str, str]) -> None:
    queries = [f"a {text * 500}"[:500] for text in {**LONGEST, **OTHERS}.values()]
    requests = [
        gateway.request("GET", "/ai/users/search", token="tenant-a:user-1", query={"query": query})
        for query in queries
    ]
    found = http("search", runtime, *requests, limits=limits("search"), **services)
    assert [answer.status for answer in found] == [200] * len(queries)


DEADLY = """
import importlib.util, os, signal
from vectors.embedding import local
spec = importlib.util.spec_from_file_location("enrich", {app!r})
enrich = importlib.util.module_from_spec(spec)
spec.loader.exec_module(enrich)
embed = local.embed
def deadly(texts):
    if any("deadly" in text for text in texts):
        os.kill(os.getpid(), signal.SIGKILL)
    return embed(texts)
local.embed = deadly
lambda_handler = enrich.lambda_handler
"""


def test_a_batch_that_kills_its_worker_is_taken_apart(
    runtime: Path, services: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No content is known to do it, so the function is made to: by a signal, as Lambda does."""
    app = paths.BUILD / LOGICAL_IDS["enrich"] / "app.py"
    (tmp_path / "app.py").write_text(DEADLY.format(app=str(app)))
    search_path = built_function.search_path
    monkeypatch.setattr(
        built_function, "search_path", lambda *arguments: [str(tmp_path), *search_path(*arguments)]
    )
    people = [
        ALICE.model_copy(update={"id": number, "tenant_id": "tenant-k", "profile": profile})
        for number, profile in enumerate(["one", "deadly", "three"], start=1)
    ]
    batch = delivered(*map(user_created, people))
    deaths = 0
    while True:
        try:
            assert answers("enrich", runtime, batch, **services) == [None]
        except MeshError as error:
            assert "Killed" in str(error)  # noqa: PT017
            deaths += 1
            assert deaths <= 4
        else:
            break
    client = QdrantClient(url=services["QDRANT_URL"], check_compatibility=False)
    points, _ = client.scroll(services["QDRANT_COLLECTION"], limit=1_000)
    client.close()
    names = [point.payload["profile"] for point in points if point.payload["tenantId"] == "tenant-k"]
    assert (sorted(names), deaths) == (["one", "three"], 4)
