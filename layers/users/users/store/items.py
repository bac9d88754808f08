"""A user as items of the table: itself and its address, and how each is written in a transaction."""

from __future__ import annotations

from typing import Any

from users import table
from users.model import User


def user_item(user: User) -> dict[str, Any]:
    """Return the item that keeps the user."""
    return {
        **table.key(user.tenant_id, table.user_sk(user.id)),
        "id": {"N": str(user.id)},
        "email": {"S": user.email},
        "name": {"S": user.name},
        "profile": {"S": user.profile},
        "createdAt": {"S": user.created_at.isoformat()},
        "updatedAt": {"S": user.updated_at.isoformat()},
        "version": {"N": str(user.version)},
    }


def address_item(user: User) -> dict[str, Any]:
    """Return the item that keeps the user's address unique."""
    return {**table.key(user.tenant_id, table.email_sk(user.email)), "userId": {"N": str(user.id)}}


def request_item(user: User, name: str) -> dict[str, Any]:
    """Return the item that tells a request of this name, for a day, whom it has created already."""
    expires_at = int(user.created_at.timestamp()) + table.REMEMBERED_SECONDS
    return {
        **table.key(user.tenant_id, table.request_sk(name)),
        "userId": {"N": str(user.id)},
        table.EXPIRES_AT: {"N": str(expires_at)},
    }


def user_of(tenant_id: str, item: dict[str, Any]) -> User:
    """Return the user in an item. One from before users could change has no version, which is the first."""
    texts = {name: item[name]["S"] for name in ("email", "name", "profile", "createdAt")}
    return User.model_validate(
        {
            **texts,
            "id": int(item["id"]["N"]),
            "tenantId": tenant_id,
            "updatedAt": item.get("updatedAt", item["createdAt"])["S"],
            "version": int(item["version"]["N"]) if "version" in item else 1,
        }
    )


def put_new(item: dict[str, Any]) -> dict[str, Any]:
    """Add an item, if there is none with its key."""
    return {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def replace(user: User, seen: User) -> dict[str, Any]:
    """Put the user in place of what was seen of it, if it is still that."""
    return {"Put": {"Item": user_item(user), **_still(seen)}}


def remove(seen: User) -> dict[str, Any]:
    """Delete the user, if it is still what was seen."""
    return {"Delete": {"Key": table.key(seen.tenant_id, table.user_sk(seen.id)), **_still(seen)}}


def remove_address(user: User) -> dict[str, Any]:
    """Set the user's address free. Another user's is never touched."""
    return {
        "Delete": {
            "Key": table.key(user.tenant_id, table.email_sk(user.email)),
            "ConditionExpression": "attribute_not_exists(pk) OR userId = :id",
            "ExpressionAttributeValues": {":id": {"N": str(user.id)}},
        }
    }


def _still(seen: User) -> dict[str, Any]:
    same = "version = :version"
    if seen.version == 1:
        same = f"attribute_exists(pk) AND (attribute_not_exists(version) OR {same})"
    return {
        "ConditionExpression": same,
        "ExpressionAttributeValues": {":version": {"N": str(seen.version)}},
    }
