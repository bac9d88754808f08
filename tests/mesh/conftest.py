"""Meshes of their own, beside the one that the end-to-end tests share."""

from tests.e2e.conftest import _emulator, mesh

__all__ = ["_emulator", "mesh"]
