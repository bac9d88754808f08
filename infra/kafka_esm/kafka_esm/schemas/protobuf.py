"""Protobuf, by Google's compiler and library.

JSON has the names of the .proto file and every field, as Confluent's own conversion: a filter that asks for 0
or "" finds it. Whole numbers of 64 bits are text, as Protobuf's JSON mapping has it.
"""

import base64
import binascii
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from kafka_esm.schemas.wire import message_way

# What the schema itself is called among its files: no reference can have this name.
_MAIN = "kafka-esm/main.proto"
_COMPILE_SECONDS = 30


# What stands before a message: the way to it through its file, or its number; and the message.
Which = Callable[[bytes], tuple[tuple[int, ...] | int, bytes]]


def to_json(
    schema: str, references: Mapping[str, str], which: Which = message_way
) -> Callable[[bytes], bytes]:
    """Return what reads messages of a .proto file as JSON; `references` are the files that it imports.

    Each file is text, or a FileDescriptorProto as base64, as some serializers register it and some registries
    keep it.

    Raises:
        ValueError: the schema cannot be used.

    """
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in _files({_MAIN: schema, **references}):
            pool.Add(file)
        main = pool.FindFileByName(_MAIN)
    except (TypeError, KeyError) as exc:
        raise ValueError(f"the Protobuf schema cannot be used: {exc}") from None
    kinds = dict(_kinds(main))
    # AWS Glue counts all messages by their whole names.
    numbers = dict(enumerate(sorted(kinds, key=lambda way: kinds[way].full_name)))
    classes: dict[tuple[int, ...], Any] = {}

    def message_class(named: tuple[int, ...] | int) -> Any:
        way = named if isinstance(named, tuple) else numbers.get(named, ())
        if way not in kinds:
            raise ValueError("its message indexes name no message of the schema")
        if way not in classes:
            classes[way] = message_factory.GetMessageClass(kinds[way])
        return classes[way]

    def read(body: bytes) -> bytes:
        named, data = which(body)
        message = message_class(named)()
        try:
            message.ParseFromString(data)
            if not message.IsInitialized():
                raise ValueError("a required field is missing")
            fields = json_format.MessageToDict(
                message,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
                descriptor_pool=pool,
            )
        except DecodeError:
            raise ValueError("it cannot be read") from None
        except (TypeError, json_format.Error) as exc:  # an Any of a type that the schema does not have
            raise ValueError(f"it has no form in JSON ({type(exc).__name__})") from None
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    return read


def _kinds(within: Any, way: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Yield the descriptors of all messages in a file or a message, by the way to each."""
    nested = within.nested_types if way else within.message_types_by_name.values()
    for index, kind in enumerate(nested):
        yield (*way, index), kind
        yield from _kinds(kind, (*way, index))


def _files(given: Mapping[str, str]) -> list[FileDescriptorProto]:
    """Return the descriptors of files and of what they import, that before them."""
    described = {name: _described(name, text) for name, text in given.items()}
    if all(described.values()):
        return list(_in_order(_MAIN, {name: file for name, file in described.items() if file}, set()))
    if any(described.values()):
        raise ValueError("the Protobuf schema cannot be used: some of its files are text, others are not")
    return compiled(given, _MAIN)


def _described(name: str, text: str) -> FileDescriptorProto | None:
    try:
        file = FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, DecodeError):
        return None
    file.name = name
    return file


def _in_order(
    name: str, given: Mapping[str, FileDescriptorProto], seen: set[str]
) -> Iterator[FileDescriptorProto]:
    if name in seen:
        return
    seen.add(name)
    file = given.get(name) or _well_known(name)
    for other in file.dependency:
        yield from _in_order(other, given, seen)
    yield file


def _well_known(name: str) -> FileDescriptorProto:
    """Return a file that comes with Protobuf: no registry has those."""
    stem = name.removesuffix(".proto").replace("/", ".")
    file = FileDescriptorProto()
    try:
        if not stem.startswith("google.protobuf."):
            raise ImportError  # noqa: TRY301
        importlib.import_module(f"{stem}_pb2").DESCRIPTOR.CopyToProto(file)
    except ImportError:
        raise ValueError(f"the Protobuf schema imports {name}, which is not among its references") from None
    return file


def compiled(given: Mapping[str, str], main: str) -> list[FileDescriptorProto]:
    """Return the descriptor of a file, after those of what it imports; `given` are files by name.

    Raises:
        ValueError: the compiler refuses one.

    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in given.items():
            path = (root / name).resolve()
            if not path.is_relative_to(root):
                raise ValueError(f"the Protobuf schema refers to {name}, which is no name of a file")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        output = root / "descriptors"
        # A process of its own: the compiler says what is wrong on stderr, which is not ours in this one.
        done = subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", f"-I{root}"),
                *("--include_imports", f"--descriptor_set_out={output}", main),
            ],
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=False,
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "warning" not in line]
            raise ValueError(
                f"the Protobuf schema cannot be used: {errors[0] if errors else 'no reason given'}"
            )
        return list(FileDescriptorSet.FromString(output.read_bytes()).file)
