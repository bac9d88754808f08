"""A template may refer to what SAM makes of it, such as a function's role."""

import json
from collections.abc import Callable
from typing import Any

from localstack.services.cloudformation.engine.v2.change_set_model_transform import ChangeSetModelTransform
from localstack.utils.patch import patch


def transform_before_resolving() -> None:
    """Let LocalStack resolve the template for Fn::Transform only if there is one: it does so before SAM's transform."""

    @patch(ChangeSetModelTransform._execute_local_transforms)  # type: ignore[untyped-decorator]
    def execute_local_transforms(original: Callable[[Any], None], self: Any) -> None:
        if "Fn::Transform" in json.dumps([self._before_template, self._after_template], default=str):
            original(self)
