"""What LocalStack gets wrong, put right. Each can go when a later LocalStack does without."""

import json
from collections.abc import Callable
from typing import Any

from localstack import config
from localstack.services.cloudformation.engine.v2.change_set_model_transform import ChangeSetModelTransform
from localstack.utils.patch import patch
from twisted.internet.endpoints import TCP4ServerEndpoint


def transform_before_resolving() -> None:
    """Let a template refer to what SAM makes of it, such as a function's role.

    For the sake of Fn::Transform, LocalStack resolves references before SAM's transform: now only if there is
    one.
    """

    @patch(ChangeSetModelTransform._execute_local_transforms)  # type: ignore[untyped-decorator]
    def execute_local_transforms(original: Callable[[Any], None], self: Any) -> None:
        if "Fn::Transform" in json.dumps([self._before_template, self._after_template], default=str):
            original(self)


def listen_where_told() -> None:
    """Listen at the address of GATEWAY_LISTEN, not at every address with its port."""
    hosts = {each.port: each.host for each in config.GATEWAY_LISTEN}

    @patch(TCP4ServerEndpoint.__init__)  # type: ignore[untyped-decorator]
    def endpoint(original: Callable[..., None], self: Any, reactor: Any, port: int, **options: Any) -> None:
        original(self, reactor, port, **{"interface": hosts.get(port, ""), **options})
