"""What LocalStack gets wrong, put right. Each can go when a later LocalStack does without."""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from types import SimpleNamespace
from typing import Any

from lambda_workers import places
from localstack import config
from localstack.services.apigateway.next_gen.execute_api.handlers import parse
from localstack.services.apigateway.next_gen.execute_api.handlers.resource_router import ApiGatewayMethodRule
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.lambda_.invocation.assignment import AssignmentService
from localstack.services.lambda_.invocation.execution_environment import InvalidStatusException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion
from localstack.utils.patch import patch
from moto.dynamodb import models
from moto.dynamodb.models.table import Table
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.web.http import Request


def listen_where_told() -> None:
    """Listen at the address of GATEWAY_LISTEN, not at every address with its port."""
    hosts = {each.port: each.host for each in config.GATEWAY_LISTEN}

    @patch(TCP4ServerEndpoint.__init__)  # type: ignore[untyped-decorator]
    def endpoint(original: Callable[..., None], self: Any, reactor: Any, port: int, **options: Any) -> None:
        original(self, reactor, port, **{"interface": hosts.get(port, ""), **options})


def deploy_without_pauses() -> None:
    """Look every 50 ms whether a resource is there. LocalStack does every second, and a stack has many."""

    @patch(ResourceProviderExecutor.deploy_loop)  # type: ignore[untyped-decorator]
    def deploy_loop(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return original(*arguments, **{"sleep_time": 0.05, **options})


def invocations_wait() -> None:
    """Let an invocation wait for an execution environment. LocalStack starts one more, whatever runs already.

    Another invocation may take the one that it has started; then it looks again.
    """

    @patch(AssignmentService.get_environment)  # type: ignore[untyped-decorator]
    @contextmanager
    def get_environment(
        original: Callable[..., AbstractContextManager[Any]],
        self: Any,
        manager: str,
        version: FunctionVersion,
        kind: Any,
    ) -> Iterator[Any]:
        place = places.of(version.id.unqualified_arn(), version.config.memory_size)
        with place, ExitStack() as lease:
            environment = None
            while environment is None:
                with suppress(InvalidStatusException):
                    environment = lease.enter_context(original(self, manager, version, kind))
            yield environment


def transactions_copy_a_table_once() -> None:
    """Let moto keep one copy of a table, for the case that a transaction fails: it makes one for each item.

    Nobody else is at work meanwhile: moto is asked one request at a time.
    """

    @patch(models.DynamoDBBackend.transact_write_items)  # type: ignore[untyped-decorator]
    def transact_write_items(original: Callable[..., None], *arguments: Any) -> None:
        copies: dict[int, Any] = {}

        def deepcopy(thing: Any) -> Any:
            if not isinstance(thing, Table):
                return copy.deepcopy(thing)
            if id(thing) not in copies:
                copies[id(thing)] = copy.deepcopy(thing)
            return copies[id(thing)]

        vars(models)["copy"] = SimpleNamespace(deepcopy=deepcopy)
        try:
            original(*arguments)
        finally:
            vars(models)["copy"] = copy


def any_is_every_method() -> None:
    """Let a method ANY catch every method, as AWS says: LocalStack leaves out TRACE, QUERY and more."""

    @patch(ApiGatewayMethodRule.__init__)  # type: ignore[untyped-decorator]
    def rule(original: Callable[..., None], self: Any, string: str, method: str, **options: Any) -> None:
        original(self, string, method, **options)
        if method == "ANY":
            self.methods = None


def bodies_as_they_came() -> None:
    """Give a function the body that was sent. LocalStack takes forms apart, and refuses or rewrites them."""

    @patch(Request.__init__)  # type: ignore[untyped-decorator]
    def request(original: Callable[..., None], self: Any, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **{**options, "parsePOSTFormSubmission": False})

    parse.restore_payload = lambda request: request.get_data()
