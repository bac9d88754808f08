"""DynamoDB on LocalStack, by moto: what comes at once is answered as if it came one by one."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.localstack.conftest import Client

WRITERS = 8
TRANSACTIONS = 160


def test_transactions_at_once_are_all_stored(client: Client) -> None:
    table, dynamodb = f"table-{uuid4().hex[:8]}", client("dynamodb")
    dynamodb.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def write(number: int) -> None:
        puts = [{"Put": {"TableName": table, "Item": {"pk": {"S": f"{number}-{n}"}}}} for n in range(3)]
        dynamodb.transact_write_items(TransactItems=puts)

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(TRANSACTIONS)))

    assert dynamodb.scan(TableName=table, Select="COUNT")["Count"] == 3 * TRANSACTIONS
