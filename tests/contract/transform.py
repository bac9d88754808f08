"""What SAM makes of the template in an environment of samconfig.toml; in the SAM CLI's environment.

python transform.py TEMPLATE SAMCONFIG ENVIRONMENT prints JSON, {"parameters": …, "template": …, "layers": …}:
what `sam deploy` sends, and the processor that `sam build` builds each layer for.
Relative paths of parameter files start at the working folder, as they do for `sam deploy`.
"""

import json
import sys
from pathlib import Path

from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.validate.lib.exceptions import InvalidSamDocumentException
from samcli.lib.config.samconfig import SamConfig
from samcli.lib.providers.sam_layer_provider import SamLayerProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse
from samtranslator.internal.managed_policies import get_bundled_managed_policy_map


class Policies:
    """AWS's managed policies, as the translator ships them: no account is asked."""

    def load(self):
        return get_bundled_managed_policy_map("aws")


template, config, environment = sys.argv[1:]


def overrides(command):
    options = SamConfig(Path(config).parent, Path(config).name).get_all([command], "parameters", environment)
    return CfnParameterOverridesType().convert(options.get("parameter_overrides", []), None, None)


parameters = overrides("deploy")
document = yaml_parse(Path(template).read_text(encoding="utf-8"))
defaults = {name: each["Default"] for name, each in document["Parameters"].items() if "Default" in each}
try:
    validator = SamTemplateValidator(
        document, Policies(), region="us-east-1", parameter_overrides={**defaults, **parameters}
    )
    translated = yaml_parse(validator.get_translated_template_if_valid())
except InvalidSamDocumentException as error:
    sys.exit(str(error))
stacks, _ = SamLocalStackProvider.get_stacks(template, parameter_overrides=overrides("build"))
layers = {layer.name: layer.build_architecture for layer in SamLayerProvider(stacks).get_all()}
json.dump({"parameters": parameters, "template": translated, "layers": layers}, sys.stdout)
