"""Our server finds texts, and what else filters ask, as qdrant-client's in-memory mode does, or as is stated.

The in-memory mode has no text index: it splits texts into lower-case words, as a server does on a field that
has none. What an index does otherwise, by its parameters, is stated, also to a server at QDRANT_URL (1.20
or later: it matches substrings).
"""

from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import models as m

from tests.integration.qdrant.pairs import Client, NewPair, Pair, count, field, pages, vector

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

TEXTS: dict[int, Any] = {
    1: "Ada Lovelace",
    2: "ada-lovelace@maths.dev",
    3: "Adam met Grace",
    4: "Jürgen läuft",
    5: "the running dogs of lovelace ada",
    6: ["many texts", "of Ada"],
    7: None,
    8: 12,
}
PAYLOADS: dict[int, dict[str, Any]] = {
    1: {"tags": ["red", "green"], "place": {"lon": 13.4, "lat": 52.5}},
    2: {"tags": "reddish", "place": [{"lon": 2.35, "lat": 48.85}, {"lon": -0.1, "lat": 51.5}]},
    3: {"tags": [], "jobs": [{"title": "poet", "years": 3}, {"title": "cook", "years": 9}]},
    4: {"tags": None, "jobs": [{"title": "poet", "years": 9}]},
    5: {"jobs": [], "place": {"lon": 13.0, "lat": 53.0}},
}


def text(**match: str) -> m.FieldCondition:
    kind = {"text": m.MatchText, "text_any": m.MatchTextAny, "phrase": m.MatchPhrase}
    ((name, value),) = match.items()
    return field("text", match=kind[name](**{name: value}))


def index(**params: Any) -> m.TextIndexParams:
    return m.TextIndexParams(type=m.TextIndexType.TEXT, **params)


@pytest.fixture
def texts(reference: Client, candidate: Client) -> Iterator[Pair]:
    with NewPair(reference, candidate) as pair:
        rows = [m.PointStruct(id=n, vector=vector(n), payload={"text": value}) for n, value in TEXTS.items()]
        pair.do(lambda client, name: client.upsert(name, rows))
        yield pair


def found(client: Client, name: str, where: m.Condition) -> list[int]:
    return [int(r.id) for r in client.scroll(name, m.Filter(must=[where]))[0]]


QUESTIONS = [
    text(text="ada"),
    text(text="Lovelace ADA"),
    text(text="lovel"),
    text(text=""),
    text(text_any="grace läuft nobody"),
    text(text_any=" "),
    text(phrase="ada lovelace"),
    text(phrase="lovelace ada"),
    text(phrase="texts of"),
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("indexed", [False, True])
def test_given_texts_when_matched_then_the_answers_agree(
    texts: Pair, question: m.FieldCondition, indexed: bool
) -> None:
    if indexed:
        words = index(tokenizer=m.TokenizerType.WORD, phrase_matching=True)
        texts.do(lambda client, name: client.create_payload_index(name, "text", words))
    texts.same(pages(m.Filter(must=[question]), 10))
    texts.same(pages(m.Filter(must_not=[question]), 10))


INDEXED = [
    (index(tokenizer=m.TokenizerType.WHITESPACE), text(text="lovelace"), [1, 5]),
    (index(tokenizer=m.TokenizerType.WHITESPACE), text(text="ada-lovelace@maths.dev"), [2]),
    (index(tokenizer=m.TokenizerType.WHITESPACE, lowercase=False), text(text_any="ada Grace"), [3, 5]),
    (index(tokenizer=m.TokenizerType.PREFIX), text(text="lovel"), [1, 2, 5]),
    (index(tokenizer=m.TokenizerType.MULTILINGUAL), text(text="läuft"), [4]),
    (index(ascii_folding=True), text(text_any="jurgen laufen"), [4]),
    (index(ascii_folding=False), text(text_any="jurgen laufen"), []),
    (index(min_token_len=4), text(text_any="ada met dogs"), [5]),
    (index(max_token_len=3), text(text_any="ada lovelace"), [1, 2, 5, 6]),
    (index(stopwords=m.Language.ENGLISH), text(text_any="the of"), []),
    (index(stopwords=m.StopwordsSet(custom=["ada"])), text(text_any="ada grace"), [3]),
    (
        index(stemmer=m.SnowballParams(type=m.Snowball.SNOWBALL, language=m.SnowballLanguage.ENGLISH)),
        text(text="run dog"),
        [5],
    ),
    (index(phrase_matching=True, on_disk=True), text(phrase="running dogs"), [5]),
]


@pytest.mark.parametrize(("params", "question", "expected"), INDEXED)
def test_given_a_text_index_when_matched_then_its_parameters_decide(
    texts: Pair, params: m.TextIndexParams, question: m.FieldCondition, expected: list[int]
) -> None:
    client, name = texts.candidate, texts.name
    client.create_payload_index(name, "text", params)
    assert found(client, name, question) == expected
    later = m.PointStruct(id=20, vector=vector(20), payload={"text": TEXTS[expected[0]] if expected else ""})
    client.upsert(name, [later])
    assert found(client, name, question) == [*expected, *([20] if expected else [])]


@pytest.mark.parametrize(
    "params",
    [
        index(tokenizer=m.TokenizerType.WHITESPACE, lowercase=False, on_disk=True, enable_hnsw=False),
        index(tokenizer=m.TokenizerType.PREFIX, min_token_len=2, max_token_len=10, ascii_folding=True),
        index(tokenizer=m.TokenizerType.MULTILINGUAL, phrase_matching=True, stopwords=m.Language.GERMAN),
        index(
            tokenizer=m.TokenizerType.WORD,
            stopwords=m.StopwordsSet(languages=[m.Language.ENGLISH, m.Language.FRENCH], custom=["a", "b"]),
            stemmer=m.SnowballParams(type=m.Snowball.SNOWBALL, language=m.SnowballLanguage.ENGLISH),
        ),
        index(tokenizer=m.TokenizerType.CODE, stemmer=m.DisabledStemmerParams(type=m.NoStemmer.NONE)),
        m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, prefix=True),
        m.GeoIndexParams(type=m.GeoIndexType.GEO, on_disk=True),
    ],
)
def test_given_an_index_when_described_then_as_it_was_requested(texts: Pair, params: Any) -> None:
    client, name = texts.candidate, texts.name
    client.create_payload_index(name, "text", params)
    shown = client.get_collection(name).payload_schema["text"]
    assert shown.params == params
    assert shown.data_type == params.type.value


def place(lon: float, lat: float) -> m.GeoPoint:
    return m.GeoPoint(lon=lon, lat=lat)


def line(*corners: tuple[float, float]) -> m.GeoLineString:
    return m.GeoLineString(points=[place(*corner) for corner in (*corners, corners[0])])


def job(*conditions: m.Condition, **more: Any) -> m.NestedCondition:
    return m.NestedCondition(nested=m.Nested(key="jobs", filter=m.Filter(must=[*conditions], **more)))


POET = field("title", match=m.MatchValue(value="poet"))
LONG = field("years", range=m.Range(gte=5))
CONDITIONS = [
    (field("tags", match=m.MatchPrefix(prefix="red")), [1, 2]),
    (field("tags", match=m.MatchPrefix(prefix="Red")), []),
    (field("tags", match=m.MatchSubstring(substring="ed")), [1, 2]),
    (field("tags", values_count=m.ValuesCount(gt=1)), [1]),
    (field("tags", values_count=m.ValuesCount(gte=1, lt=2)), [2]),
    (job(POET, LONG), [4]),
    (job(POET, must_not=[LONG]), [3]),
    (field("place", geo_radius=m.GeoRadius(center=place(13.4, 52.4), radius=20_000)), [1]),
    (
        field("place", geo_bounding_box=m.GeoBoundingBox(top_left=place(-1, 52), bottom_right=place(3, 48))),
        [2],
    ),
    (field("place", geo_polygon=m.GeoPolygon(exterior=line((12, 52), (14, 52), (14, 54), (12, 54)))), [1, 5]),
    (
        field(
            "place",
            geo_polygon=m.GeoPolygon(
                exterior=line((12, 52), (14, 52), (14, 54), (12, 54)),
                interiors=[line((12.9, 52.9), (13.1, 52.9), (13.1, 53.1), (12.9, 53.1))],
            ),
        ),
        [1],
    ),
]


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(("where", "expected"), CONDITIONS)
def test_given_payloads_when_filtered_then_the_answers_agree(
    reference: Client, candidate: Client, where: m.Condition, expected: list[int], indexed: bool
) -> None:
    rows = [m.PointStruct(id=n, vector=vector(n), payload=payload) for n, payload in PAYLOADS.items()]
    prefixes = m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, prefix=True)
    with NewPair(reference, candidate) as pair:
        pair.do(lambda client, name: client.upsert(name, rows))
        if indexed:
            pair.do(lambda client, name: client.create_payload_index(name, "tags", prefixes))
            pair.do(lambda client, name: client.create_payload_index(name, "place", m.PayloadSchemaType.GEO))
        assert pair.same(lambda client, name: found(client, name, where)) == expected
        pair.same(pages(m.Filter(must_not=[where]), 10))
        pair.same(count(m.Filter(should=[where, m.HasIdCondition(has_id=[3])])))
