"""qdrant-client's models, as a new execution environment has them: this process has built them long ago."""

import json
import subprocess
import sys

PROGRAM = """
import json
from vectors.qdrant import models

asked, met = models.QueryRequest, models.ScrollResult
built = [model.__pydantic_complete__ for model in (asked, met)]
near = models.Prefetch(query=[[0.5, 1.0]], filter=models.Filter(must_not=[models.HasIdCondition(has_id=[7])]))
rank = models.FormulaQuery(formula=models.SumExpression(sum=["$score", models.PowExpression(
    pow=models.PowParams(base=models.MultExpression(mult=[2.0, 3.0]), exponent=3.5))]))
sent = asked(prefetch=[near], query=rank, limit=3).model_dump_json(exclude_none=True)
read = met.model_validate({"points": [{"id": 1, "payload": {"userId": 1}}]}).points[0].payload
try:
    asked(limit="three")
    wrong = ""
except ValueError as error:
    wrong = type(error).__name__
print(json.dumps({"built": built, "sent": json.loads(sent), "read": read, "wrong": wrong}))
"""


def test_given_a_new_process_when_models_are_used_then_they_are_built_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "built": [False, False],
        "sent": {
            "prefetch": [{"query": [[0.5, 1.0]], "filter": {"must_not": [{"has_id": [7]}]}}],
            "query": {
                "formula": {"sum": ["$score", {"pow": {"base": {"mult": [2.0, 3.0]}, "exponent": 3.5}}]},
                "defaults": {},
            },
            "limit": 3,
        },
        "read": {"userId": 1},
        "wrong": "ValidationError",
    }
