"""Poison is listed with its reason, shown as it is, and sent again: one, or all."""

import re
from collections.abc import Iterator

import pytest
from kafka import KafkaProducer
from mesh.process import wait_until
from playwright.sync_api import Locator, expect
from users.consumer.dead_letters import Poison, dead_letter
from users.consumer.received import Received
from users.events import PoisonRecordError, Reason, Record, user_created

from tests.console.person import Person
from tests.e2e.mesh_command import Mesh
from tests.people import somebody

MARKUP = b"<img src=x onerror=document.title='owned'> is not JSON"


@pytest.fixture
def producer(mesh: Mesh) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(**mesh.kafka())
    yield producer
    producer.close()


def send(producer: KafkaProducer, record: Record, topic: str = "user.events") -> None:
    producer.send(topic, record.value, record.key, record.headers).get(30)


def poison(tenant: str) -> Record:
    return user_created(somebody(tenant, 1))._replace(value=b"{")


def well(tenant: str, user_id: int) -> Record:
    """Return a dead letter that can be processed, as after a mistake of ours is mended."""
    user = somebody(tenant, user_id, email=f"u{user_id}@x.dev", name="Pat", profile="Repairs clocks")
    received = Received("user.events", 0, user_id, user_created(user))
    return dead_letter(Poison(received, PoisonRecordError(Reason.REFUSED, "a mistake")))


def rows(person: Person, key: str) -> Locator:
    return person.page.get_by_role("table", name="Dead letters").get_by_role("row").filter(has_text=key)


def test_given_poison_while_one_looks_when_shown_then_the_record_is_text(
    person: Person, producer: KafkaProducer, tenant: str
) -> None:
    page = person.page
    person.go("Dead letters")
    send(producer, poison(tenant)._replace(value=MARKUP))
    letter = rows(person, tenant)
    expect(letter).to_contain_text("not-json")

    letter.get_by_role("button", name=re.compile("^Show")).click()
    record = page.get_by_role("region", name=re.compile(r"^Record \d+:\d+"))
    expect(record.get_by_role("heading", level=2)).to_be_focused()
    expect(record).to_contain_text(MARKUP.decode())
    expect(record.get_by_role("table", name="Headers")).to_contain_text("ce_tenantid")
    assert page.title() == "Dead letters – Event Mesh"


def test_given_what_is_still_poison_when_replayed_then_it_is_a_dead_letter_again(
    person: Person, producer: KafkaProducer, tenant: str
) -> None:
    send(producer, poison(tenant))
    person.go("Dead letters")
    letters = rows(person, tenant)
    expect(letters).to_have_count(1)
    letters.get_by_role("button", name=re.compile("^Replay")).click()
    expect(person.page.get_by_text("Sent 1 record again.")).to_be_visible()
    expect(letters).to_have_count(2)
    expect(letters).to_contain_text(["not-json", "not-json"])


def test_given_letters_that_are_well_when_all_are_replayed_then_they_are_searchable(
    person: Person, producer: KafkaProducer, mesh: Mesh, tenant: str
) -> None:
    page = person.page
    for user_id in (1, 2):
        send(producer, well(tenant, user_id), "user.events.dlq")
    person.go("Dead letters")
    page.get_by_role("button", name="Refresh").click()
    expect(rows(person, tenant)).to_have_count(2)
    page.get_by_role("button", name=re.compile(r"^Replay all \d+")).click()
    page.get_by_role("dialog").get_by_role("button", name="Replay all").click()
    expect(page.get_by_text(re.compile(r"^Sent \d+ records again\."))).to_be_visible()
    expect(rows(person, tenant)).to_have_count(0)
    page.get_by_label(re.compile("replayed")).check()
    expect(rows(person, tenant)).to_have_count(2)

    with mesh.client(tenant) as client:
        assert wait_until(lambda: len(client.search("who repairs clocks")) == 2, 60)
