"""A SAM template as a configuration: what is deployed to Lambda, run here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kafka_esm.errors import ConfigurationError as TemplateError
from kafka_esm.mappings import intrinsics
from kafka_esm.mappings.intrinsics import Scope, Unresolved

from function_host.config import Config, Function, Gateway, Route
from function_host.errors import ConfigurationError

_FUNCTION = "AWS::Serverless::Function"
_API = "AWS::Serverless::Api"
_LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
_DEFAULT_MB = 128
_DEFAULT_SECONDS = 3


def load(
    path: Path,
    parameters: Mapping[str, str],
    resources: Mapping[str, str],
    environment: Mapping[str, str],
    region: str = "us-east-1",
) -> Config:
    """Return the functions of a template as `sam build` wrote it, with the routes of its API.

    `resources` says what Ref and Fn::GetAtt are after a deployment, by "UsersTable" or "Role.Arn".
    A variable whose value nobody knows is left to the `environment` that the functions inherit. A function is
    called by its FunctionName, else by its logical id.

    Raises:
        ConfigurationError: the template cannot be read, or leaves open what the functions need.

    """
    try:
        template = intrinsics.parse(path.read_text(encoding="utf-8"))
        reading = _Reading(
            template, path.parent, _scope(template, parameters, resources, region), environment
        )
        functions = [reading.function(name, each) for name, each in reading.of_type(_FUNCTION)]
        routes = [route for name, each in reading.of_type(_FUNCTION) for route in reading.routes(name, each)]
        return Config({each.name: each for each in functions}, reading.gateway(tuple(routes)))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    except TemplateError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _scope(
    template: Mapping[str, Any], given: Mapping[str, str], resources: Mapping[str, str], region: str
) -> Scope:
    declared = template.get("Parameters") or {}
    if unknown := given.keys() - declared.keys():
        raise ConfigurationError(f"The template has no parameter {', '.join(sorted(unknown))}.")

    def parameter(name: str, rule: Mapping[str, Any]) -> Any:
        if name not in given and "Default" not in rule:
            return Unresolved(f"parameter {name} has no value: give --parameter {name}=…")
        value = given.get(name, rule.get("Default"))
        is_list = str(rule.get("Type")).startswith(("CommaDelimitedList", "List<"))
        return [part.strip() for part in str(value).split(",")] if is_list else value

    return Scope(
        parameters={name: parameter(name, rule) for name, rule in declared.items()},
        pseudo={
            "AWS::AccountId": "000000000000",
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::URLSuffix": "amazonaws.com",
        },
        conditions=template.get("Conditions") or {},
        mappings=template.get("Mappings") or {},
        resources=template["Resources"],
        look_up=lambda name, attribute: resources.get(f"{name}.{attribute}" if attribute else name),
    )


class _Reading:
    """A template that is being read; its methods raise what `load` turns into ConfigurationError."""

    def __init__(
        self, template: Mapping[str, Any], folder: Path, scope: Scope, environment: Mapping[str, str]
    ) -> None:
        self._resources = template["Resources"]
        self._shared = (template.get("Globals") or {}).get("Function") or {}
        self._folder, self._scope, self._environment = folder, scope, environment

    def of_type(self, *kinds: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield logical id and properties of each such resource that exists by its condition."""
        for name, resource in self._resources.items():
            if resource.get("Type") not in kinds:
                continue
            condition = resource.get("Condition")
            exists = condition is None or intrinsics.holds(condition, self._scope)
            if isinstance(exists, Unresolved):
                raise ConfigurationError(f"{name}: {exists.reason}")
            if exists:
                yield name, resource.get("Properties") or {}

    def function(self, logical_id: str, given: Mapping[str, Any]) -> Function:
        """Return a function."""

        def value(name: str, default: Any = None) -> Any:
            found = intrinsics.resolve(given.get(name, self._shared.get(name, default)), self._scope)
            if isinstance(found, Unresolved):
                raise ConfigurationError(f"{logical_id}.{name}: {found.reason}")
            return found

        layers = [*(self._shared.get("Layers") or ()), *(given.get("Layers") or ())]
        return Function(
            name=self._name(logical_id, given),
            handler=str(value("Handler")),
            code=self._folder / str(value("CodeUri", ".")),
            layers=tuple(self._layer(logical_id, each) for each in layers),
            memory_mb=int(value("MemorySize", _DEFAULT_MB)),
            timeout_seconds=int(value("Timeout", _DEFAULT_SECONDS)),
            environment=self._variables(logical_id, given),
        )

    def routes(self, logical_id: str, given: Mapping[str, Any]) -> Iterator[Route]:
        """Yield the routes that lead to a function."""
        for event in (given.get("Events") or {}).values():
            if event["Type"] == "Api":
                found = intrinsics.resolve(event["Properties"], self._scope)
                method = str(found["Method"]).upper()
                yield Route("ANY" if method == "*" else method, found["Path"], self._name(logical_id, given))

    def gateway(self, routes: tuple[Route, ...]) -> Gateway:
        """Return the API. Of several there, the first one's stage and responses count."""
        for name, given in self.of_type(_API):
            api = {key: given.get(key) for key in ("StageName", "GatewayResponses")}
            found = intrinsics.resolve(api, self._scope)
            if isinstance(found["StageName"], Unresolved):
                raise ConfigurationError(f"{name}.StageName: {found['StageName'].reason}")
            return Gateway(routes, str(found["StageName"]), responses=found["GatewayResponses"] or {})
        return Gateway(routes)

    def _name(self, logical_id: str, given: Mapping[str, Any]) -> str:
        name = intrinsics.resolve(given.get("FunctionName", logical_id), self._scope)
        return name if isinstance(name, str) else logical_id

    def _layer(self, function: str, given: Any) -> Path:
        found = intrinsics.resolve(given, self._scope)
        resource = self._resources.get(found.resource) if isinstance(found, Unresolved) else None
        if resource is None or resource["Type"] not in _LAYERS:
            raise ConfigurationError(f"{function}: {given} is no layer of this template")
        return self._folder / str(resource["Properties"]["ContentUri"])

    def _variables(self, logical_id: str, given: Mapping[str, Any]) -> dict[str, str]:
        both = [(each.get("Environment") or {}).get("Variables") or {} for each in (self._shared, given)]
        found = intrinsics.resolve({**both[0], **both[1]}, self._scope)
        unknown = {
            name: value.reason
            for name, value in found.items()
            if isinstance(value, Unresolved) and name not in self._environment
        }
        if unknown:
            lines = "".join(f"\n  {name}: {reason}" for name, reason in unknown.items())
            raise ConfigurationError(
                f"{logical_id}: give --resource NAME=VALUE for these, or set the variables:{lines}"
            )
        return {name: _text(value) for name, value in found.items() if not isinstance(value, Unresolved)}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
