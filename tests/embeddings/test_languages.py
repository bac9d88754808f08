"""A question in one language finds a profile in another."""

from functools import partial

import pytest
from mesh.process import wait_until

from tests.embeddings.conftest import NewTenant

PROFILES = {
    "Ada": "Bakes sourdough bread every morning",
    "Bruno": "Repariert alte Motorräder in einer Werkstatt",
    "Chika": "小児病院で働く看護師",
    "Diego": "Abogado especializado en contratos de alquiler",
    "Elena": "Учит детей играть на скрипке",
    "Farid": "Prévoit la météo et les tempêtes pour la radio",
}
QUESTIONS = [
    ("jemand, der Brot backt", "Ada"),
    ("who fixes motorbikes?", "Bruno"),
    ("a nurse for children", "Chika"),
    ("a lawyer for tenants", "Diego"),
    ("violin teacher", "Elena"),
    ("weather forecaster", "Farid"),
]


@pytest.mark.timeout(400)
def test_a_question_in_another_language_finds_who_is_meant(tenant: NewTenant) -> None:
    client = tenant()
    for name, profile in PROFILES.items():
        client.create(f"{name.lower()}@x.dev", name, profile)
    for profile in PROFILES.values():
        assert wait_until(partial(client.finds, profile), 60)
    found = {question: client.search(question, 1)[0]["name"] for question, _ in QUESTIONS}
    assert found == dict(QUESTIONS)
