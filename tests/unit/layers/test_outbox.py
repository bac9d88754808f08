"""The outbox: what is stored with a user, until Kafka has acknowledged it."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from users import outbox as outboxes
from users.errors import UnavailableError
from users.model import NewUser
from users.outbox import Event, Outbox
from users.store import UserStore

from tests import sam
from tests.unit.fakes import DynamoFaults


@pytest.fixture
def store(aws: DynamoFaults) -> UserStore:
    return UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)


@pytest.fixture
def outbox(aws: DynamoFaults) -> Outbox:
    return Outbox(boto3.client("dynamodb"), sam.TABLE_NAME)


@pytest.fixture
def nobody_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The requests that stored the events have ended."""
    monkeypatch.setattr(outboxes, "_IN_FLIGHT", timedelta(seconds=-1))


def create(store: UserStore, tenant: str, number: int) -> Event:
    event = store.create(tenant, NewUser(email=f"u{number}@x.dev", name="ü")).event
    assert event
    return event


def test_given_a_stored_event_when_read_then_it_is_the_same_record(
    store: UserStore, outbox: Outbox, nobody_sends: None
) -> None:
    event = create(store, "tenant-a", 1)
    assert list(outbox.pages()) == [[event]]
    assert dict(event.record.headers)["ce_id"].decode() == event.id


def test_given_an_event_that_was_stored_just_now_when_read_then_its_request_is_left_to_send_it(
    store: UserStore, outbox: Outbox
) -> None:
    create(store, "tenant-a", 1)
    assert list(outbox.pages()) == []
    assert outbox.backlog().size == 1


def test_given_a_tenants_events_when_read_then_they_come_oldest_first(
    store: UserStore, outbox: Outbox, nobody_sends: None
) -> None:
    events = [create(store, "tenant-a", number) for number in range(5)]
    client = boto3.client("dynamodb")
    for age, event in zip([3, 1, 5, 2, 4], events, strict=True):
        client.put_item(
            TableName=sam.TABLE_NAME, Item=outboxes.item(event, datetime.now(UTC) - timedelta(minutes=age))
        )
    [page] = outbox.pages()
    assert page == [events[number] for number in (2, 4, 0, 3, 1)]


def test_given_many_tenants_when_read_then_every_event_comes_once(
    store: UserStore, outbox: Outbox, nobody_sends: None
) -> None:
    events = [create(store, f"tenant-{number}", number) for number in range(30)]
    read = [event for page in outbox.pages() for event in page]
    assert sorted(event.id for event in read) == sorted(event.id for event in events)


def test_given_more_events_than_a_page_holds_when_read_while_removed_then_all_come(
    store: UserStore, outbox: Outbox, nobody_sends: None
) -> None:
    client = boto3.client("dynamodb")
    event = create(store, "tenant-a", 0)
    for number in range(250):
        record = event.record._replace(headers=[("ce_id", str(number).encode())])
        item = outboxes.item(Event("tenant-a", record), datetime.now(UTC) - timedelta(seconds=1))
        client.put_item(TableName=sam.TABLE_NAME, Item=item)
    read = 0
    for page in outbox.pages():
        assert len(page) <= 100
        outbox.remove(page)
        read += len(page)
    assert read == 251
    assert outbox.backlog() == (0, 0.0)


def test_given_an_event_that_is_gone_when_removed_again_then_nothing_happens(
    store: UserStore, outbox: Outbox
) -> None:
    event = create(store, "tenant-a", 1)
    outbox.remove([event])
    outbox.remove([event])
    assert outbox.backlog().size == 0


def test_given_no_events_when_removed_then_dynamodb_is_not_asked(outbox: Outbox, aws: DynamoFaults) -> None:
    outbox.remove([])
    assert aws.requests == []


def test_given_waiting_events_when_measured_then_size_and_age_are_told(
    store: UserStore, outbox: Outbox
) -> None:
    create(store, "tenant-a", 1)
    old = create(store, "tenant-b", 2)
    item = outboxes.item(old, datetime.now(UTC) - timedelta(minutes=5))
    boto3.client("dynamodb").put_item(TableName=sam.TABLE_NAME, Item=item)
    backlog = outbox.backlog()
    assert backlog.size == 2
    assert 300 <= backlog.age_seconds < 330


def test_given_dynamodb_is_down_when_used_then_it_is_unavailable(
    store: UserStore, outbox: Outbox, aws: DynamoFaults
) -> None:
    event = create(store, "tenant-a", 1)
    aws.down = True
    for use in (lambda: list(outbox.pages()), outbox.backlog, lambda: outbox.remove([event])):
        with pytest.raises(UnavailableError, match="DynamoDB did not"):
            use()
