"""The vectors layer as `sam build` makes it, in an interpreter that has nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mesh import paths
from mesh.deployment import build

from tests import sam

LAMBDA_LIMIT_BYTES = 262_144_000  # function and layers together, unzipped
FREE_BYTES = 20_000_000  # for what the next release of a package adds

EMBED = """
import json, sys
from vectors.embedding.local import embed
texts = json.load(sys.stdin)
together = embed(texts)
alone = [embed([text])[0] for text in texts]
json.dump({"together": together, "alone": alone}, sys.stdout)
"""


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def layer(built: None) -> Path:
    return paths.BUILD / "VectorsLayer" / "python"


@pytest.mark.parametrize("function", sorted(sam.functions()))
def test_function_and_layers_fit_into_lambda_with_room(built: None, function: str) -> None:
    template = build.built_template()["Resources"]
    name = "".join(part.capitalize() for part in function.split("_")) + "Function"
    layers = [layer["Ref"] for layer in template[name]["Properties"]["Layers"]]

    total = sum(size(paths.BUILD / folder) for folder in [name, *layers])

    assert total <= LAMBDA_LIMIT_BYTES - FREE_BYTES


def test_the_layer_alone_embeds_the_pinned_model(layer: Path) -> None:
    defaults = build.built_template()["Parameters"]
    environment = {
        "PYTHONPATH": str(layer),
        "QDRANT_URL": "http://127.0.0.1:1",
        "EMBEDDING_MODEL": defaults["EmbeddingModel"]["Default"],
        "EMBEDDING_MODEL_PATH": defaults["EmbeddingModelPath"]["Default"],
        "EMBEDDING_DIMENSION": str(defaults["EmbeddingDimension"]["Default"]),
    }
    texts = ["a cat sits outside", "a man plays guitar", "the new movie is awesome", "a feline is outdoors"]

    done = subprocess.run(
        [str(Path(sys.base_prefix) / "bin" / "python3"), "-S", "-c", EMBED],
        input=json.dumps(texts),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert {len(vector) for vector in answer["together"]} == {384}
    cat, guitar, _, feline = answer["together"]
    assert cosine(cat, feline) > 0.5 > 0.2 > cosine(cat, guitar)
    for together, alone in zip(answer["together"], answer["alone"], strict=True):
        assert cosine(together, alone) > 0.9999  # a text's vector does not depend on its batch
