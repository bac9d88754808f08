"""What became of the users of a load: each created one is found, once, and nobody else is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh.clients.http_api import TenantClient

from tests.faults.load import Answer

Users = Sequence[tuple[int, str]]  # id and address


@dataclass(frozen=True)
class Tenant:
    """A tenant's users as `GET /users` and as `GET /ai/users/search` shows them."""

    name: str
    listed: Users
    found: Users
    strangers: int = 0  # that say of themselves that they are another tenant's

    @classmethod
    def read(cls, api_url: str, name: str) -> "Tenant":
        """Ask the API; the tenant has no more users than one search returns."""
        with TenantClient(api_url, name, f"Bearer {name}:judge") as client:
            listed, found = list(client.users()), client.search("a person", 50)
        assert len(listed) < 50, f"one search may not find all of {name}"
        return cls(
            name,
            [(user["id"], user["email"]) for user in listed],
            [(hit["userId"], hit["email"]) for hit in found],
            sum(not _is_of(name, user) for user in [*listed, *found]),
        )

    @property
    def complete(self) -> bool:
        """Whether search has who the list has."""
        return sorted(self.listed) == sorted(self.found)


@dataclass(frozen=True)
class Verdict:
    """The counts of one fault."""

    created: int
    errors: dict[int, int]
    unproblematic: int  # errors whose body is no problem+json
    stored_though_error: int
    found: int
    lost: int
    twice: int
    strangers: int
    unsearchable: int  # listed, and not found
    unlisted: int  # found, and not listed

    @property
    def wrong(self) -> dict[str, int]:
        """What shall be 0 and is not."""
        counts = {
            "lost": self.lost,
            "twice": self.twice,
            "strangers": self.strangers,
            "unsearchable": self.unsearchable,
            "unlisted": self.unlisted,
        }
        return {name: count for name, count in counts.items() if count}


def judge(answers: Sequence[Answer], tenants: Sequence[Tenant]) -> Verdict:
    """Compare what was answered with what is there."""
    created = {(each.tenant, each.user_id, each.email) for each in answers if each.status == 201}
    errors = [each for each in answers if each.status != 201]
    refused = {(each.tenant, each.email) for each in errors}
    asked = refused | {(tenant, email) for tenant, _, email in created}
    listed = {(tenant.name, *user) for tenant in tenants for user in tenant.listed}
    found = {(tenant.name, *user) for tenant in tenants for user in tenant.found}
    people = Counter((tenant, email) for tenant, _, email in listed | found)
    repeated = sum(len(users) - len(set(users)) for each in tenants for users in (each.listed, each.found))
    return Verdict(
        created=len(created),
        errors=dict(Counter(each.status for each in errors)),
        unproblematic=sum(not each.problem for each in errors),
        stored_though_error=sum((tenant, email) in refused for tenant, _, email in listed),
        found=len(found),
        lost=len(created - (listed & found)),
        twice=repeated + sum(count - 1 for count in people.values()),
        strangers=len(people.keys() - asked) + sum(tenant.strangers for tenant in tenants),
        unsearchable=len(listed - found),
        unlisted=len(found - listed),
    )


def _is_of(tenant: str, user: Mapping[str, Any]) -> bool:
    return str(user["profile"]).endswith(f" of {tenant}") and user.get("tenantId", tenant) == tenant
