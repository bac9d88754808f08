"""Every panel, once: what it is asked, in PromQL, and where CloudWatch has the same."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["reqps", "s", "short", "percentunit", "bytes"]


@dataclass(frozen=True)
class Query:
    """A query of Prometheus, and what its lines are called."""

    promql: str
    legend: str


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch, by whatever its dimensions are: a line each."""

    namespace: str
    name: str
    dimensions: str  # their names, comma-separated
    statistic: str
    matching: str = ""  # more of a search expression, to choose some


@dataclass(frozen=True)
class Panel:
    """A graph that answers a question."""

    title: str
    question: str
    unit: Unit
    queries: tuple[Query, ...]
    # Where CloudWatch has it: metrics, or a query of the functions' logs. Nothing where only a mesh has it.
    cloudwatch: tuple[Metric, ...] | str = ()


@dataclass(frozen=True)
class Dashboard:
    """A page of panels."""

    uid: str
    title: str
    question: str
    panels: tuple[Panel, ...]


def _ours(name: str, statistic: str = "Sum") -> tuple[Metric, ...]:
    return (Metric("EventMesh", name, "service", statistic),)


def _lambda(name: str, statistic: str = "Sum", function: str = "") -> tuple[Metric, ...]:
    matching = f"EnrichFunction {function}".strip() if function else ""
    return (Metric("AWS/Lambda", name, "FunctionName", statistic, matching),)


def _quantiles(histogram: str, by: str) -> tuple[Query, ...]:
    return tuple(
        Query(
            f"histogram_quantile({quantile}, sum by (le, {by}) (rate({histogram}_bucket[5m])))",
            f"{{{{{by}}}}} p{quantile * 100:.0f}",
        )
        for quantile in (0.5, 0.99)
    )


def _by_tenant(metric: str, more: str = "") -> str:
    field = f"`{metric}.0`"  # Powertools writes a list
    return f"filter ispresent({field}){more} | stats sum({field}) as n by tenant | sort n desc | limit 20"


MESH = Dashboard(
    "event-mesh",
    "Event Mesh",
    "Is anything lost, slow, behind or refused? Down the page, the way of an event.",
    (
        Panel(
            "Requests",
            "How much is asked of each function?",
            "reqps",
            (Query("sum by (service) (rate(event_mesh_requests_total[1m]))", "{{service}}"),),
            _ours("Requests"),
        ),
        Panel(
            "Refused and failed",
            "How many answers were no success? 4xx is the caller's, 5xx is ours.",
            "reqps",
            (Query('sum by (status) (rate(event_mesh_requests_total{status=~"[45].."}[1m]))', "{{status}}"),),
            (
                Metric("AWS/ApiGateway", "4XXError", "ApiName,Stage", "Sum"),
                Metric("AWS/ApiGateway", "5XXError", "ApiName,Stage", "Sum"),
            ),
        ),
        Panel(
            "Time to an answer",
            "How long does a caller wait, inside the function?",
            "s",
            _quantiles("event_mesh_request_duration_seconds", "service"),
            _ours("RequestDuration", "p99"),
        ),
        Panel(
            "Functions that failed",
            "Which function raised, crashed, timed out, or found no place?",
            "short",
            (
                Query(
                    "sum by (function_name) (increase(aws_lambda_errors_total[5m]))",
                    "{{function_name}} errors",
                ),
                Query(
                    "sum by (function_name) (increase(aws_lambda_throttles_total[5m]))",
                    "{{function_name}} throttles",
                ),
            ),
            _lambda("Errors") + _lambda("Throttles"),
        ),
        Panel(
            "Oldest event in the outbox",
            "Does Kafka take events? Above a few seconds it does not, and nothing is lost.",
            "s",
            (Query("max(event_mesh_outbox_age_seconds)", "oldest"),),
            _ours("OutboxAge", "Maximum"),
        ),
        Panel(
            "Events in the outbox",
            "How many events wait for Kafka?",
            "short",
            (Query("max(event_mesh_outbox_size)", "waiting"),),
            _ours("OutboxSize", "Maximum"),
        ),
        Panel(
            "Records behind",
            "Does enrich keep up with the topic?",
            "short",
            (Query("sum by (function, topic) (kafka_esm_consumer_lag_records)", "{{topic}}"),),
            _lambda("OffsetLag", "Maximum"),
        ),
        Panel(
            "Time for a batch",
            "How long does enrich take for what it is given at once?",
            "s",
            _quantiles("kafka_esm_invoke_seconds", "topic"),
            _lambda("Duration", "p99", "EnrichFunction"),
        ),
        Panel(
            "Users indexed",
            "How many users become searchable, go, or come too late to change anything?",
            "reqps",
            (
                Query("sum(rate(event_mesh_users_indexed_total[1m]))", "indexed"),
                Query("sum(rate(event_mesh_users_erased_total[1m]))", "erased"),
                Query("sum(rate(event_mesh_events_late_total[1m]))", "late"),
            ),
            _ours("UsersIndexed") + _ours("UsersErased") + _ours("EventsLate"),
        ),
        Panel(
            "Dead letters",
            "Which records can never be processed? Each is a page in docs/dead_letters.md.",
            "short",
            (Query("sum(increase(event_mesh_dead_letters_total[1h]))", "in an hour"),),
            _ours("DeadLetters"),
        ),
        Panel(
            "Users in the index",
            "How many points does each collection have?",
            "short",
            (Query("mesh_qdrant_points", "{{collection}}"),),
        ),
        Panel(
            "Components",
            "Which component runs? 1 is up.",
            "short",
            (Query("mesh_component_up", "{{component}}"),),
        ),
        Panel(
            "Memory",
            "Who takes the machine's memory, with all that it has started?",
            "bytes",
            (Query("mesh_component_memory_bytes", "{{component}}"),),
        ),
        Panel(
            "Processor",
            "Who takes its processors? 1 is one of them.",
            "short",
            (Query("rate(mesh_component_cpu_seconds_total[1m])", "{{component}}"),),
        ),
    ),
)

TENANTS = Dashboard(
    "event-mesh-tenants",
    "Event Mesh: tenants",
    "Who creates, searches, is throttled? The twenty busiest by name, the others together as _other.",
    (
        Panel(
            "Requests",
            "Who calls?",
            "reqps",
            (Query("sum by (tenant) (rate(event_mesh_requests_total[1m]))", "{{tenant}}"),),
            _by_tenant("Requests"),
        ),
        Panel(
            "Users created",
            "Who grows?",
            "reqps",
            (Query("sum by (tenant) (rate(event_mesh_users_created_total[1m]))", "{{tenant}}"),),
            _by_tenant("UsersCreated"),
        ),
        Panel(
            "Searches",
            "Who searches?",
            "reqps",
            (Query("sum by (tenant) (rate(event_mesh_searches_total[1m]))", "{{tenant}}"),),
            _by_tenant("Searches"),
        ),
        Panel(
            "Throttled",
            "Who asks for more than the limits give? docs/http.md.",
            "reqps",
            (Query("sum by (tenant) (rate(event_mesh_throttled_total[1m]))", "{{tenant}}"),),
            _by_tenant("Throttled"),
        ),
        Panel(
            "Share of failures",
            "Is a failure everybody's, or one tenant's?",
            "percentunit",
            (
                Query(
                    '(sum by (tenant) (rate(event_mesh_requests_total{status=~"5.."}[5m]))'
                    " or 0 * sum by (tenant) (rate(event_mesh_requests_total[5m])))"
                    " / sum by (tenant) (rate(event_mesh_requests_total[5m]))",
                    "{{tenant}}",
                ),
            ),
            _by_tenant("Requests", " and status >= 500"),
        ),
    ),
)

POLLER = Dashboard(
    "event-mesh-poller",
    "Event Mesh: poller",
    "What becomes of Kafka's records on their way to the function?",
    (
        Panel(
            "Records",
            "What is received, delivered, filtered out, and has to be tried again?",
            "reqps",
            tuple(
                Query(f"sum by (topic) (rate(kafka_esm_records_{what}_total[1m]))", f"{{{{topic}}}} {what}")
                for what in ("polled", "delivered", "filtered", "failed")
            ),
            _lambda("Invocations", function="EnrichFunction"),
        ),
        Panel(
            "Records behind",
            "Which partition waits?",
            "short",
            (Query("kafka_esm_consumer_lag_records", "{{topic}}-{{partition}}"),),
            _lambda("OffsetLag", "Maximum"),
        ),
        Panel(
            "Records of a batch",
            "Are batches full? Larger ones cost less for each record.",
            "short",
            _quantiles("kafka_esm_batch_records", "topic"),
        ),
        Panel(
            "Time of an invocation",
            "How long does the function take for a batch?",
            "s",
            _quantiles("kafka_esm_invoke_seconds", "topic"),
            _lambda("Duration", "p99", "EnrichFunction"),
        ),
        Panel(
            "Invocations in flight",
            "How many batches are processed at once?",
            "short",
            (Query("kafka_esm_in_flight", "{{topic}}"),),
            _lambda("ConcurrentExecutions", "Maximum", "EnrichFunction"),
        ),
        Panel(
            "Retries",
            "How often did a batch have to be tried again?",
            "reqps",
            (Query("sum by (topic) (rate(kafka_esm_retries_total[1m]))", "{{topic}}"),),
            _lambda("Errors", function="EnrichFunction"),
        ),
        Panel(
            "Given up",
            "Which records went to the failure destination, or nowhere?",
            "short",
            (
                Query(
                    "sum by (topic) (increase(kafka_esm_records_dead_lettered_total[1h]))", "{{topic}} kept"
                ),
                Query(
                    "sum by (topic) (increase(kafka_esm_records_discarded_total[1h]))", "{{topic}} discarded"
                ),
            ),
        ),
        Panel(
            "Partitions that stand still",
            "Which cannot go on by themselves? mesh status says why.",
            "short",
            (Query("sum by (topic) (kafka_esm_partition_stopped)", "{{topic}}"),),
        ),
    ),
)

DASHBOARDS = (MESH, TENANTS, POLLER)
