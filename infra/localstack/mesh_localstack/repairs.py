"""What LocalStack gets wrong, put right. Each can go when a later LocalStack does without."""

from collections.abc import Callable
from typing import Any

from localstack import config
from localstack.services.apigateway.next_gen.execute_api.handlers import parse
from localstack.services.apigateway.next_gen.execute_api.handlers.resource_router import ApiGatewayMethodRule
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.utils.patch import patch
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
