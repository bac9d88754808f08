"""Record batches as a broker keeps them, good and spoilt."""

from typing import Any

from kafka.record import MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

_ATTRIBUTES_AT, _CRC_AT = 21, 17
NONE, GZIP, SNAPPY, LZ4, ZSTD, UNKNOWN = range(6)
CODECS = [NONE, GZIP, SNAPPY, LZ4, ZSTD]


def batch(
    offset: int, *values: bytes, codec: int = NONE, headers: Any = (), change: Any = lambda data: data
) -> bytes:
    """Return a record batch; `change` may spoil it, and its checksum is right all the same."""
    builder = MemoryRecordsBuilder(2, codec, 10_000_000)
    for value in values:
        builder.append(timestamp=1, key=None, value=value, headers=list(headers))
    builder.close()
    data = bytearray(change(bytes(builder.buffer())))
    data[0:8] = offset.to_bytes(8, "big")
    data[_CRC_AT:_ATTRIBUTES_AT] = calc_crc32c(bytes(data[_ATTRIBUTES_AT:])).to_bytes(4, "big")
    return bytes(data)


def coded(codec: int) -> Any:
    """Return a change that says another codec than the batch has."""
    return lambda data: data[:_ATTRIBUTES_AT] + bytes([0, codec]) + data[_ATTRIBUTES_AT + 2 :]
