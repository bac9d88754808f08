"""Qdrant's REST API, the part that qdrant-client needs here, over Qdrant's own engine in one process.

    python -m qdrant_edge_server --path DIR [--host 127.0.0.1] --port N

`qdrant-edge-py` is the storage and search engine of the Qdrant server as a Python module. This package
puts the server's REST API around it, so that code written for a Qdrant cluster runs, unchanged, where there
is neither Docker nor a network. It is a development and test target, not a database for production.

Served: collections (list, exists, create, get, update of metadata, delete), payload indexes, points (upsert,
get, scroll, count, query and batch query, delete), payload (set, overwrite, delete, clear), `/`, `/healthz`,
`/livez`, `/readyz`. Status codes and error texts are the real server's wherever it has one for the case.

Search is exact
---------------
The optimizer, which on the real server builds HNSW graphs in the background, is never run: the binding holds
Python's global lock in every call, and one run freezes the process for seconds. So each collection is one
plain, appendable segment with payload indexes. A query narrows the points by its filter's payload index and
compares the vector with each that is left: recall is 1.0, with or without a tenant in the filter, and the
time grows with the number of points that pass the filter. (A real server with `m=0` finds next to nothing
without a tenant in the filter; this one does not show that mistake.)

Measured over HTTP on two cores, 10,000 points of 384 dimensions in 20 tenants, medians: 1.5 ms from
call to result in qdrant-client for a query with one tenant's filter (0.3 ms of it in the handler), 2.3 ms
without a filter; 8,000 points/s upserted in batches of 100, 600 one by one; 160 MB resident empty, 240 MB
with the points; up in 2.3 s. The flush holds up requests by 5 to 15 ms.

Durability
----------
The engine writes each update to its log before it is acknowledged, and the log is replayed at start, so a
killed process loses no acknowledged point. The log reaches the disk itself only at the flush (every few
seconds and at shutdown), so a power cut can cost the last seconds. Data is tied to the pinned version of
qdrant-edge-py: treat it as disposable when that changes.

Limits
------
- One process per data folder, one node: no cluster, shards, replicas, snapshots, aliases, gRPC, TLS, web
  interface, metrics, read-only keys or JWT. One API key, in `QDRANT__SERVICE__API_KEY`, or none.
- Requests are answered one after the other: a large upsert delays the queries behind it.
- One unnamed dense float32 vector per point. No named, sparse or multi vectors, no quantization, no
  inference.
- Queries: nearest to a vector or to a stored point. No prefetch, fusion, recommend, discover, order_by,
  facets, groups, sampling, formulas; no update of vectors alone, no batch of updates.
- Filters: must, should, must_not, min_should; match value, any, except; range of numbers and of times;
  has_id, is_empty, is_null. No full text, geo, nested, values_count.
- Payload indexes: keyword, integer, float, bool, datetime, uuid.
- The space of deleted points is not reclaimed (overwriting a point takes none); deleting the collection is
  what frees it.
- An upsert refused for one vector of the wrong size may have stored other points of the same request.

Whatever is not served is refused by name, 400 for a parameter and 501 for an endpoint. These are accepted
and change nothing, because on one node with exact search there is nothing for them to change:
`hnsw_config`, `optimizers_config` (both kept and shown), `wal_config`, `shard_number`,
`replication_factor`, `write_consistency_factor`, the search parameters `hnsw_ef` and `exact`, and
`timeout`, `consistency` and `ordering` in a query string. An update is always applied before it is
answered; without `wait=true` its status reads `acknowledged`, as on the real server. It carries no
`operation_id`. Unknown fields in a body are refused, where the real server ignores most of them.
"""
