"""What LocalStack finds by the entry points of this package. Each loads what it needs when it is needed."""

from functools import partial
from threading import RLock
from typing import Any

from localstack.runtime import hooks as runtime_hooks
from localstack.services.lambda_ import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.plugins import Service, aws_provider

_MOTO = RLock()


class ProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]
    """LAMBDA_RUNTIME_EXECUTOR=process: functions run as processes, not in containers."""

    name = "process"

    def load(self, *_: Any, **__: Any) -> type:
        """Return the executor."""
        from mesh_localstack.executor import ProcessExecutor

        return ProcessExecutor


@aws_provider(api="dynamodb", name="moto")  # type: ignore[untyped-decorator]
def dynamodb() -> Service:
    """PROVIDER_OVERRIDE_DYNAMODB=moto: LocalStack's own provider downloads DynamoDB Local and a Java."""
    from localstack.aws.api.dynamodb import DynamodbApi

    return _by_moto(DynamodbApi())


@aws_provider(api="dynamodbstreams", name="moto")  # type: ignore[untyped-decorator]
def dynamodbstreams() -> Service:
    """PROVIDER_OVERRIDE_DYNAMODBSTREAMS=moto, which goes with it."""
    from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi

    return _by_moto(DynamodbstreamsApi())


def _by_moto(api: object) -> Service:
    return Service.for_provider(api, dispatch_table_factory=_one_at_a_time)


def _one_at_a_time(api: object) -> dict[str, Any]:
    """Return what answers each operation. Moto is not made for threads: a transaction copies every table."""
    from localstack.services.moto import MotoFallbackDispatcher

    return {name: partial(_alone, answer) for name, answer in MotoFallbackDispatcher(api).items()}


def _alone(answer: Any, *request: Any) -> Any:
    with _MOTO:
        return answer(*request)


@hooks.set_event_source_config_defaults()  # type: ignore[untyped-decorator]
def complete_kafka_mapping(defaults: dict[str, Any], request: dict[str, Any], _service: str) -> None:
    """Accept a mapping for self-managed Kafka, as CloudFormation spells it too."""
    from mesh_localstack import kafka

    kafka.complete(defaults, request)


@hooks.create_event_source_poller()  # type: ignore[untyped-decorator]
def poll_kafka(holder: Any, _service: str, mapping: dict[str, Any]) -> None:
    """Poll a mapping for self-managed Kafka."""
    from mesh_localstack import kafka

    if "SelfManagedEventSource" in mapping:
        holder.create_poller_fn = lambda processor, **_: kafka.KafkaPoller(mapping, processor)


@runtime_hooks.on_infra_start()  # type: ignore[untyped-decorator]
def repair() -> None:
    """Put right what LocalStack gets wrong."""
    from mesh_localstack import repairs

    repairs.listen_where_told()
    repairs.deploy_without_pauses()
    repairs.invocations_wait()
    repairs.transactions_copy_a_table_once()
    repairs.any_is_every_method()
    repairs.bodies_as_they_came()
