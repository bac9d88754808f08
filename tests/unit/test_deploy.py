"""A deployment that fails says which resource did, whatever the emulator calls its end."""

from typing import Any

import pytest
from mesh.deployment import deploy
from mesh.errors import MeshError


class CloudFormation:
    """As LocalStack's: an update that fails is `UPDATE_COMPLETE`, and has no outputs."""

    def __init__(self, stack: dict[str, Any]) -> None:
        self._stack = stack

    def put_object(self, **_: Any) -> None:
        """Take the template: it stands for S3, too."""

    def update_stack(self, **_: Any) -> None:
        pass

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"Stacks": [self._stack]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        failed = {"LogicalResourceId": "UsersTable", "ResourceStatus": "UPDATE_FAILED"}
        return {"StackEvents": [{**failed, "ResourceStatusReason": "no such key"}]}


@pytest.mark.parametrize(
    "stack", [{"StackStatus": "UPDATE_COMPLETE"}, {"StackStatus": "ROLLBACK_COMPLETE", "Outputs": [{}]}]
)
def test_given_an_update_that_failed_when_deployed_then_the_error_names_the_resource(
    monkeypatch: pytest.MonkeyPatch, stack: dict[str, Any]
) -> None:
    monkeypatch.setattr(deploy, "client", lambda service, endpoint_url: CloudFormation(stack))
    with pytest.raises(MeshError, match="UsersTable: no such key"):
        deploy.deploy("http://127.0.0.1:4566", {}, {})
