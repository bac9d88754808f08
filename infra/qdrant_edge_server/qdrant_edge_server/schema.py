"""What a collection is made of: its configuration and its payload indexes, to the engine and back."""

from typing import Any

import qdrant_edge as qe
from pydantic import BaseModel
from qdrant_client.http import models as m

from qdrant_edge_server.errors import bad_request, invalid, refuse_all_but, unsupported

Json = dict[str, Any]

FLUSH_SECONDS = 5
MAX_DIMENSIONS = 65_536

# The real server's defaults, shown in a collection's information.
HNSW_DEFAULTS: Json = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000, "max_indexing_threads": 0}
OPTIMIZER_DEFAULTS: Json = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "indexing_threshold": 10_000,
    "flush_interval_sec": FLUSH_SECONDS,
}

# What a node of its own, with exact search, has no use for; see the package's documentation.
WITHOUT_EFFECT = (
    "hnsw_config",
    "optimizers_config",
    "wal_config",
    "shard_number",
    "replication_factor",
    "write_consistency_factor",
)

INDEX_TYPES = {
    "keyword": (qe.PayloadSchemaType.Keyword, qe.KeywordIndexParams),
    "integer": (qe.PayloadSchemaType.Integer, qe.IntegerIndexParams),
    "float": (qe.PayloadSchemaType.Float, qe.FloatIndexParams),
    "bool": (qe.PayloadSchemaType.Bool, qe.BoolIndexParams),
    "datetime": (qe.PayloadSchemaType.Datetime, qe.DatetimeIndexParams),
    "uuid": (qe.PayloadSchemaType.Uuid, qe.UuidIndexParams),
    "geo": (qe.PayloadSchemaType.Geo, qe.GeoIndexParams),
    "text": (qe.PayloadSchemaType.Text, qe.TextIndexParams),
}
INDEX_PARAMS = (
    "is_tenant",
    "is_principal",
    "lookup",
    "range",
    "on_disk",
    "enable_hnsw",
    "prefix",
    "tokenizer",
    "min_token_len",
    "max_token_len",
    "lowercase",
    "ascii_folding",
    "phrase_matching",
    "stopwords",
    "stemmer",
)


def engine_config(config: m.CreateCollection) -> qe.EdgeConfig:
    """Translate the body of a create request, refusing what is not served."""
    refuse_all_but(("vectors", "on_disk_payload", "metadata", *WITHOUT_EFFECT), config)
    vectors = config.vectors
    if not isinstance(vectors, m.VectorParams):
        raise unsupported("a collection with named vectors" if vectors else "a collection without vectors")
    refuse_all_but(("size", "distance", "on_disk", "multivector_config"), vectors)
    if not 1 <= vectors.size <= MAX_DIMENSIONS:
        raise invalid("vectors.size", f"value {vectors.size} invalid, must be from 1 to {MAX_DIMENSIONS}")
    return qe.EdgeConfig(
        vectors=qe.EdgeVectorParams(
            size=vectors.size,
            distance=getattr(qe.Distance, vectors.distance.value),
            on_disk=vectors.on_disk,
            multivector_config=qe.MultiVectorConfig(qe.MultiVectorComparator.MaxSim)
            if vectors.multivector_config
            else None,
        ),
        on_disk_payload=config.on_disk_payload,
    )


def updated_config(config: m.CreateCollection, change: m.UpdateCollection) -> m.CreateCollection:
    """Apply an update of a collection: keys of its metadata are set, or with null removed."""
    refuse_all_but(("metadata", "hnsw_config", "optimizers_config"), change)
    removed = {key for key, value in (change.metadata or {}).items() if value is None}
    metadata = {**(config.metadata or {}), **(change.metadata or {})}
    return config.model_copy(
        update={
            "metadata": {key: value for key, value in metadata.items() if key not in removed} or None,
            "hnsw_config": m.HnswConfigDiff(**{**_given(config.hnsw_config), **_given(change.hnsw_config)}),
            "optimizers_config": m.OptimizersConfigDiff(
                **{**_given(config.optimizers_config), **_given(change.optimizers_config)}
            ),
        }
    )


def create_index(body: m.CreateFieldIndex) -> qe.UpdateOperation:
    """Translate the request for a payload index, given as a type's name or with parameters."""
    schema = body.field_schema
    if schema is None:
        raise bad_request("Can't auto-detect payload type, please specify `field_schema` in the request")
    name = schema.value if isinstance(schema, m.PayloadSchemaType) else schema.type.value
    plain, with_params = INDEX_TYPES[name]
    if isinstance(schema, m.PayloadSchemaType):
        return qe.UpdateOperation.create_field_index(body.field_name, plain)
    refuse_all_but(("type", *INDEX_PARAMS), schema)
    params = {param: _to_engine(value) for param, value in schema if param != "type" and value is not None}
    return qe.UpdateOperation.create_field_index(body.field_name, with_params(**params))


def collection_info(config: m.CreateCollection, info: Any) -> Json:
    """Describe a collection as the real server does."""
    shown: Json = {
        "params": {
            "vectors": _given(config.vectors),
            "shard_number": 1,
            "replication_factor": 1,
            "write_consistency_factor": 1,
            "on_disk_payload": config.on_disk_payload is not False,
        },
        "hnsw_config": {**HNSW_DEFAULTS, **_given(config.hnsw_config)},
        "optimizer_config": {**OPTIMIZER_DEFAULTS, **_given(config.optimizers_config)},
        "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
    }
    if config.metadata is not None:
        shown["metadata"] = config.metadata
    return {
        "status": "green",
        "optimizer_status": "ok",
        "indexed_vectors_count": info.indexed_vectors_count,
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": shown,
        "payload_schema": {field: _index_info(index) for field, index in info.payload_schema.items()},
    }


def _index_info(index: Any) -> Json:
    name = next(name for name, (plain, _) in INDEX_TYPES.items() if plain == index.data_type)
    shown: Json = {"data_type": name, "points": index.points}
    if index.params is not None:
        params = {param: getattr(index.params, param, None) for param in INDEX_PARAMS}
        given = {param: _from_engine(value) for param, value in params.items() if value is not None}
        shown["params"] = {"type": name, **given}
    return shown


def _to_engine(param: Any) -> Any:
    match param:
        case m.TokenizerType():
            return getattr(qe.TokenizerType, param.value.title())
        case m.Language():
            return getattr(qe.Language, param.value.title())
        case m.StopwordsSet():
            languages = {_to_engine(language) for language in param.languages or []}
            return qe.StopwordsSet(languages or None, set(param.custom or []) or None)
        case m.SnowballParams():
            return qe.SnowballParams(getattr(qe.SnowballLanguage, param.language.value.title()))
        case m.DisabledStemmerParams():
            return qe.DisabledStemmer()
        case _:
            return param


def _from_engine(param: Any) -> Any:
    match param:
        case bool() | int():
            return param
        case qe.StopwordsSet():
            languages = sorted(map(_from_engine, param.languages or []))
            shown = {"languages": languages, "custom": sorted(param.custom or [])}
            return {part: words for part, words in shown.items() if words}
        case qe.SnowballParams():
            return {"type": "snowball", "language": _from_engine(param.language)}
        case qe.DisabledStemmer():
            return {"type": "none"}
        case _:  # an enumeration's value
            return str(param).rpartition(".")[2].lower()


def _given(model: BaseModel | Any) -> Json:
    """Keep of a model the fields that were given."""
    return model.model_dump(mode="json", exclude_none=True) if isinstance(model, BaseModel) else {}
