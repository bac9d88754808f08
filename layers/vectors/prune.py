"""Remove from a folder of installed packages what embedding and search never load.

python prune.py FOLDER

Lambda's limit for function and layers together is 262,144,000 bytes; a test holds the result to 20 MB less,
and to import, load and embed. __pycache__ stays: without it every cold start compiles (0.85 s, not 0.31 s).
"""

import shutil
import sys
from pathlib import Path

_UNUSED = (
    "bin",
    "flatbuffers",
    "fsspec",  # files on the Hub as if they were local
    "hf_xet*",
    "huggingface_hub/cli",
    "huggingface_hub/inference",
    "numpy/_core/_*_tests.*",
    "numpy/_core/_simd.*",  # of numpy's own tests
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/random/lib",
    "numpy/testing",
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so.*",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    # fastembed imports PIL, and opens no image: no formats, fonts, colour profiles, nor their libraries.
    "PIL/**/*Plugin.*",
    "PIL/_avif.*",
    "PIL/_imaging[a-z]*",
    "PIL/_webp.*",
    "pillow.libs/libavif-*",
    "pillow.libs/libbrotli*",
    "pillow.libs/libfreetype-*",
    "pillow.libs/libharfbuzz-*",
    "pillow.libs/liblcms2-*",
    "pillow.libs/libpng16-*",
    "pillow.libs/libsharpyuv-*",
    "pillow.libs/libwebp*",
    "portalocker",  # locks a collection in a folder
    "**/tests",
    "**/*.pyi",
    "*.dist-info/sboms",
)


def prune(folder: Path) -> None:
    """Remove every path under `folder` that matches a pattern in `_UNUSED`."""
    for pattern in _UNUSED:
        for path in list(folder.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
