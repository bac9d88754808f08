"""The credentials of a tenant open its own items and no others, whatever the code asks for.

The emulator enforces IAM; the policies are those of template.yaml and of `tenant_auth.dynamodb`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tenant_auth.dynamodb import tenant_dynamodb
from tenant_auth.rate_limit import RateLimiter
from tenant_auth.settings import RateLimitSettings
from users.consumer.attempts import Attempts
from users.consumer.received import Received
from users.errors import UnavailableError
from users.events import Record
from users.idempotency import IdempotentRequests
from users.model import NewUser, User, UserPatch
from users.outbox import Outbox
from users.store import Changed, UserStore

from tests import sam
from tests.unit.gateway import LambdaContext

TABLE = sam.TABLE_NAME
OWN, OTHER = "tenant-a", "tenant-b"
ALICE = NewUser(email="alice@x.dev", name="Alice")
CHANGES = {
    *("PutItem", "GetItem", "UpdateItem", "DeleteItem"),
    *("BatchWriteItem", "TransactWriteItems", "TransactGetItems"),  # authorised as the above, item by item
}
ALLOWED = {
    "create_user": CHANGES,
    "import_users": CHANGES,
    "update_user": CHANGES,
    "delete_user": CHANGES,
    "get_user": {"GetItem", "TransactGetItems", "UpdateItem"},
    "list_users": {"GetItem", "TransactGetItems", "Query", "UpdateItem"},
    "search": {"UpdateItem"},
}
Call = Callable[[Any], object]


def key(tenant: str, sk: str = "X") -> Any:
    return {"pk": {"S": f"TENANT#{tenant}"}, "sk": {"S": sk}}


def put(tenant: str) -> Any:
    return {"Put": {"TableName": TABLE, "Item": key(tenant)}}


def operations(tenant: str) -> dict[str, Call]:
    """Every operation on items that names a partition, on this tenant's."""
    names = {"#p": "pk"}
    values = {":p": {"S": f"TENANT#{tenant}"}}
    set_v = {"UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"S": "1"}}}
    return {
        "PutItem": lambda db: db.put_item(TableName=TABLE, Item=key(tenant)),
        "GetItem": lambda db: db.get_item(TableName=TABLE, Key=key(tenant)),
        "UpdateItem": lambda db: db.update_item(TableName=TABLE, Key=key(tenant), **set_v),
        "DeleteItem": lambda db: db.delete_item(TableName=TABLE, Key=key(tenant, "none")),
        "Query": lambda db: db.query(
            TableName=TABLE,
            KeyConditionExpression="#p = :p",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        ),
        "BatchGetItem": lambda db: db.batch_get_item(RequestItems={TABLE: {"Keys": [key(tenant)]}}),
        "BatchWriteItem": lambda db: db.batch_write_item(
            RequestItems={TABLE: [{"PutRequest": {"Item": key(tenant)}}]}
        ),
        "TransactWriteItems": lambda db: db.transact_write_items(TransactItems=[put(tenant)]),
        "TransactGetItems": lambda db: db.transact_get_items(
            TransactItems=[{"Get": {"TableName": TABLE, "Key": key(tenant)}}]
        ),
    }


OUTSIDE: dict[str, Call] = {
    "a transaction over two tenants": lambda db: db.transact_write_items(
        TransactItems=[put(OWN), put(OTHER)]
    ),
    "a batch over two tenants": lambda db: db.batch_write_item(
        RequestItems={TABLE: [{"PutRequest": {"Item": key(tenant)}} for tenant in (OWN, OTHER)]}
    ),
    "a scan": lambda db: db.scan(TableName=TABLE),
    "a scan of the index": lambda db: db.scan(TableName=TABLE, IndexName="across_tenants"),
    "a query of the index": lambda db: db.query(
        TableName=TABLE,
        IndexName="across_tenants",
        KeyConditionExpression="#l = :l",
        ExpressionAttributeNames={"#l": "list"},
        ExpressionAttributeValues={":l": {"S": "TENANTS"}},
    ),
    "PartiQL": lambda db: db.execute_statement(
        Statement=f"SELECT * FROM \"{TABLE}\" WHERE pk = 'TENANT#{OTHER}'"
    ),
    "the table's description": lambda db: db.describe_table(TableName=TABLE),
    "a tenant whose name begins the same": lambda db: operations(f"{OWN}2")["UpdateItem"](db),
    "a tenant whose name differs in case": lambda db: operations(OWN.upper())["UpdateItem"](db),
    "a tenant whose name goes on after a dot": lambda db: operations(f"{OWN}.b")["UpdateItem"](db),
    "an item outside any tenant": lambda db: db.update_item(
        TableName=TABLE,
        Key={"pk": {"S": "TENANTS"}, "sk": {"S": "X"}},
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"S": "1"}},
    ),
}


def is_allowed(call: Call, client: Any) -> bool:
    try:
        call(client)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True


def test_a_tenants_credentials_allow_what_its_function_does_and_nothing_in_another_tenant(
    function: str,
) -> None:
    client = tenant_dynamodb(OWN)
    own = {name for name, call in operations(OWN).items() if is_allowed(call, client)}
    other = {name for name, call in operations(OTHER).items() if is_allowed(call, client)}
    assert own == ALLOWED[function]
    assert other == set()


@pytest.mark.parametrize("attempt", OUTSIDE)
def test_a_tenants_credentials_deny_what_does_not_name_its_partition(function: str, attempt: str) -> None:
    assert not is_allowed(OUTSIDE[attempt], tenant_dynamodb(OWN))


def test_a_function_without_a_tenant_reaches_nothing(function: str) -> None:
    client = boto3.client("dynamodb")
    assert not [name for name, call in operations(OWN).items() if is_allowed(call, client)]


def test_the_emulator_allows_what_is_not_denied(root: Any) -> None:
    """Else the other tests would prove nothing."""
    assert all(is_allowed(call, root) for tenant in (OWN, OTHER) for call in operations(tenant).values())


@pytest.mark.parametrize("function", ["create_user"], indirect=True)
def test_everything_that_create_user_does_is_allowed(function: str) -> None:
    client = tenant_dynamodb(OWN)
    users, outbox = UserStore(client, TABLE), Outbox(client, TABLE)

    def create(request: str) -> User:
        created = users.create(OWN, ALICE, request=request)
        assert created.event
        outbox.remove([created.event])
        return created.user

    get = partial(users.get, OWN)
    requests = IdempotentRequests(client, TABLE, OWN, LambdaContext("create_user"))
    assert requests.create("key", ALICE, create, get) == requests.create("key", ALICE, create, get)


@pytest.mark.parametrize("function", ["import_users", "update_user", "delete_user"], indirect=True)
def test_everything_that_changes_users_is_allowed_and_another_tenants_are_not_reached(function: str) -> None:
    client = tenant_dynamodb(OWN)
    users, outbox = UserStore(client, TABLE), Outbox(client, TABLE)

    (created,) = users.create_all(OWN, [NewUser(email=f"{function}@x.dev", name="A")], requests=[function])
    assert isinstance(created, Changed)
    new_address = UserPatch(email=f"{function}@y.dev")
    changed = users.update(OWN, created.user.id, new_address, frozenset({1}))
    deleted = users.delete(OWN, created.user.id, frozenset({2}))

    outbox.remove([event for event in (created.event, changed.event, deleted) if event])
    for act in (users.get, lambda *whose: users.update(*whose, new_address), users.delete):
        with pytest.raises(UnavailableError):
            act(OTHER, created.user.id)


@pytest.mark.parametrize("function", ["get_user", "list_users"], indirect=True)
def test_everything_that_reads_users_is_allowed(function: str, root: Any) -> None:
    created = UserStore(root, TABLE).create(OWN, NewUser(email=f"{function}@x.dev", name="A"))
    users = UserStore(tenant_dynamodb(OWN), TABLE)

    assert users.get(OWN, created.user.id) == created.user
    assert users.by_email(OWN, created.user.email) == created.user
    if function == "list_users":
        assert created.user in users.page(OWN, 50).users


def test_every_function_may_count_its_requests(function: str) -> None:
    settings = RateLimitSettings(
        TABLE_NAME=TABLE, RATE_LIMIT_PER_SECOND=1, RATE_LIMIT_BURST=5, RATE_LIMIT_OVERRIDES="{}"
    )
    taken = [RateLimiter(settings, tenant_dynamodb).take(OWN, function) for _ in range(3)]
    assert all(quota and quota.admitted for quota in taken)


def test_everything_that_enrich_does_with_its_notes_is_allowed_and_no_tenants_item_is(
    enrich: Any, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = Attempts(enrich, TABLE, "index")
    batch = [(Received("user.events", 0, offset, Record(b"k", b"v", [])), None) for offset in range(2)]

    def fail(_: object) -> Any:
        raise MemoryError

    for _ in range(3):
        with pytest.raises(MemoryError):
            attempts.process(batch, fail, lambda: 60_000, UnavailableError)
    assert attempts.process(batch, lambda _: [], lambda: 60_000, UnavailableError) == []
    assert "DynamoDB did not note" not in caplog.text
    assert not [name for name, call in operations(OWN).items() if is_allowed(call, enrich)]
    assert not [name for name, call in OUTSIDE.items() if is_allowed(call, enrich)]
