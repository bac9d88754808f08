"""Where things lie, in the project and under `.mesh/`."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "template.yaml"
BUILD = ROOT / ".aws-sam" / "build"
ENVIRONMENTS = ROOT / ".venvs"
INFRA = ROOT / "infra"

HOME = Path(os.environ.get("MESH_HOME", ROOT / ".mesh"))
STATE = HOME / "state.json"
LOCK = HOME / "lock"
REINDEX = HOME / "reindex.json"
ISSUER_KEY = HOME / "issuer.pem"
LOGS = HOME / "logs"
DATA = HOME / "data"
TEMPORARY = HOME / "tmp"
CACHE = ROOT / ".mesh" / "cache"  # one build for every mesh of this checkout
