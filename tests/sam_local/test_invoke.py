"""`sam local invoke` of every function with its file in events/, as docs/sam.md says."""

import json
from typing import Any

import pytest
from mesh import paths
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh
from tests.sam_local.sam_local import SamLocal

pytestmark = pytest.mark.timeout(600)  # the first invocation of each puts an image together

EVENTS = paths.ROOT / "events"


def body(answer: dict[str, Any], status: int) -> Any:
    assert answer["statusCode"] == status, answer
    return json.loads(answer["body"])


def test_a_user_is_created_and_listed(sam: SamLocal) -> None:
    created = body(sam.invoke("CreateUserFunction", EVENTS / "create_user.json"), 201)
    listed = body(sam.invoke("ListUsersFunction", EVENTS / "list_users.json"), 200)

    assert listed["users"] == [created]
    assert (created["tenantId"], created["name"]) == ("tenant-a", "Ada")
