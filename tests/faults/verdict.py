"""What became of the users of a load: each is there, once, as was last answered, or gone; nobody else is."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
from mesh.clients.http_api import TenantClient

from tests.faults.load import Answer


class Seen(NamedTuple):
    """A user as the API shows it."""

    id: int
    email: str
    profile: str


@dataclass(frozen=True)
class Tenant:
    """A tenant's users as list, search and, of those who were erased, `GET /users/{id}` show them."""

    name: str
    listed: Sequence[Seen]
    found: Sequence[Seen]
    got: Collection[int] = ()
    strangers: int = 0  # that say of themselves that they are another tenant's

    @classmethod
    def read(cls, api_url: str, name: str, erased: Collection[int] = ()) -> "Tenant":
        """Ask the API; the tenant has no more users than one search returns."""
        with TenantClient(api_url, name, f"Bearer {name}:judge") as client:
            listed, found = list(client.users()), client.search("a person", 50)
            got = [user_id for user_id in erased if _is_there(client.http.get(f"/users/{user_id}"))]
        assert len(listed) < 50, f"one search may not find all of {name}"
        return cls(
            name,
            [Seen(user["id"], user["email"], user["profile"]) for user in listed],
            [Seen(hit["userId"], hit["email"], hit["profile"]) for hit in found],
            got,
            sum(not _is_of(name, user) for user in [*listed, *found]),
        )

    @property
    def complete(self) -> bool:
        """Whether search has who the list has, and as the list has them."""
        return sorted(self.listed) == sorted(self.found)


@dataclass(frozen=True)
class Verdict:
    """The counts of one fault."""

    created: int
    updated: int
    erased: int
    errors: dict[int, int]
    unproblematic: int  # errors whose body is no problem+json
    stored_though_error: int
    found: int
    lost: int  # users, or their last update
    twice: int
    returned: int  # erased, and there
    stale: int  # found by a text that is not the list's
    strangers: int
    unsearchable: int  # listed, and not found
    unlisted: int  # found, and not listed

    @property
    def wrong(self) -> dict[str, int]:
        """What shall be 0 and is not."""
        counts = {
            "lost": self.lost,
            "twice": self.twice,
            "returned": self.returned,
            "stale": self.stale,
            "strangers": self.strangers,
            "unsearchable": self.unsearchable,
            "unlisted": self.unlisted,
        }
        return {name: count for name, count in counts.items() if count}


Who = tuple[str, int]  # a tenant's user
Fate = frozenset[str | None]  # the profiles that a user may have now, None: it is gone


def fates(answers: Sequence[Answer]) -> dict[Who, Fate]:
    """Return what may have become of each created user: after an error, the old or the new."""
    found: dict[Who, Fate] = {}
    for each in answers:
        if each.user_id is not None:
            asked = frozenset([None if each.action == "delete" else each.profile])
            who = each.tenant, each.user_id
            found[who] = asked if each.done else found[who] | asked
    return found


def erased(answers: Sequence[Answer]) -> dict[str, list[int]]:
    """Return who is known to be erased, by tenant."""
    found: dict[str, list[int]] = {}
    for (tenant, user_id), fate in fates(answers).items():
        if fate == {None}:
            found.setdefault(tenant, []).append(user_id)
    return found


def judge(answers: Sequence[Answer], tenants: Sequence[Tenant]) -> Verdict:
    """Compare what was answered with what is there."""
    fate_of = fates(answers)
    errors = [each for each in answers if not each.done]
    refused = {(each.tenant, each.email) for each in errors if each.action == "create"}
    asked = {(each.tenant, each.email) for each in answers}
    listed = {(tenant.name, user.id): user for tenant in tenants for user in tenant.listed}
    found = {(tenant.name, user.id): user for tenant in tenants for user in tenant.found}
    got = {(tenant.name, user_id) for tenant in tenants for user_id in tenant.got}
    both = listed.keys() & found.keys()
    people = Counter(
        {(tenant, user_id, user.email) for (tenant, user_id), user in [*listed.items(), *found.items()]}
    )
    addresses = Counter((tenant, email) for tenant, _, email in people)
    repeated = sum(
        len(users) - len({user.id for user in users})
        for each in tenants
        for users in (each.listed, each.found)
    )
    return Verdict(
        created=sum(each.done for each in answers if each.action == "create"),
        updated=sum(each.done for each in answers if each.action == "update"),
        erased=sum(each.done for each in answers if each.action == "delete"),
        errors=dict(Counter(each.status for each in errors)),
        unproblematic=sum(not each.problem for each in errors),
        stored_though_error=sum((tenant, user.email) in refused for (tenant, _), user in listed.items()),
        found=len(found),
        lost=sum(
            None not in fate and (who not in both or listed[who].profile not in fate)
            for who, fate in fate_of.items()
        ),
        twice=repeated + sum(count - 1 for count in addresses.values()),
        returned=sum(
            fate == {None} and (who in listed or who in found or who in got) for who, fate in fate_of.items()
        ),
        stale=sum(listed[who].profile != found[who].profile for who in both),
        strangers=len(addresses.keys() - asked) + sum(tenant.strangers for tenant in tenants),
        unsearchable=len(listed.keys() - found.keys()),
        unlisted=len(found.keys() - listed.keys()),
    )


def _is_there(answer: httpx.Response) -> bool:
    if answer.status_code == httpx.codes.NOT_FOUND:
        return False
    answer.raise_for_status()
    return True


def _is_of(tenant: str, user: Mapping[str, Any]) -> bool:
    return str(user["profile"]).endswith(f" of {tenant}") and user.get("tenantId", tenant) == tenant
