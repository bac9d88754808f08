"""What SAM makes of templates; in the SAM CLI's environment.

Reads a JSON list of templates, whose intrinsic functions are written in full; prints a list of what
CloudFormation is sent for each, or of why SAM refuses it, as a text.
"""

import json
import sys
from typing import Any

from samcli.commands.validate.lib.exceptions import InvalidSamDocumentException
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse
from samtranslator.internal.managed_policies import get_bundled_managed_policy_map


class Policies:
    """AWS's managed policies, as the translator ships them: no account is asked."""

    def load(self) -> Any:
        return get_bundled_managed_policy_map("aws")


def translated(document: dict[str, Any]) -> Any:
    defaults = {name: each["Default"] for name, each in document["Parameters"].items() if "Default" in each}
    validator = SamTemplateValidator(
        document, Policies(), region="eu-central-1", parameter_overrides=defaults
    )
    try:
        return yaml_parse(validator.get_translated_template_if_valid())
    except InvalidSamDocumentException as error:
        return str(error)


json.dump([translated(document) for document in json.load(sys.stdin)], sys.stdout)
