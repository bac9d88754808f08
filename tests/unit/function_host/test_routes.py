"""Which function a request goes to, as API Gateway chooses."""

import pytest
from function_host.config import Route
from function_host.http.routes import Routes

ROUTES = Routes(
    Route(method, path, f"{method} {path}")
    for method, path in [
        ("ANY", "/{proxy+}"),
        ("ANY", "/"),
        ("GET", "/users/{id}"),
        ("PATCH", "/users/{id}"),
        ("ANY", "/users/create"),
        ("GET", "/users/{id}/files/{path+}"),
        ("ANY", "/users"),
        ("GET", "/a.b/{x-y.z}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "route", "parameters"),
    [
        ("GET", "/users", "ANY /users", {}),
        ("GET", "/users/", "ANY /users", {}),
        ("GET", "/users/create", "ANY /users/create", {}),
        ("GET", "/users/created", "GET /users/{id}", {"id": "created"}),
        ("PATCH", "/users/7", "PATCH /users/{id}", {"id": "7"}),
        (
            "GET",
            "/users/a%2Fb%20c",
            "GET /users/{id}",
            {"id": "a%2Fb%20c"},
        ),  # as it came: AWS does not decode
        ("GET", "/users/7/files/a/b//c", "GET /users/{id}/files/{path+}", {"id": "7", "path": "a/b//c"}),
        ("TRACE", "/", "ANY /", {}),
        ("GET", "/", "ANY /", {}),
        ("GET", "/nothing/", "ANY /{proxy+}", {"proxy": "nothing"}),
        ("GET", "/users/7/more", "ANY /{proxy+}", {"proxy": "users/7/more"}),
        ("GET", "//users", "ANY /{proxy+}", {"proxy": "/users"}),
        ("GET", "/%75sers", "ANY /{proxy+}", {"proxy": "%75sers"}),
        ("GET", "/a.b/1", "GET /a.b/{x-y.z}", {"x-y.z": "1"}),
        ("GET", "/aXb/1", "ANY /{proxy+}", {"proxy": "aXb/1"}),
    ],
)
def test_the_most_literal_resource_answers(
    method: str, path: str, route: str, parameters: dict[str, str]
) -> None:
    match = ROUTES.match(method, path)

    assert match is not None
    assert (match.route.function, match.parameters) == (route, parameters)


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "get"])
def test_a_method_that_the_resource_lacks_goes_to_no_other_resource(method: str) -> None:
    assert ROUTES.match(method, "/users/7") is None


def test_without_a_greedy_route_an_unknown_path_has_none() -> None:
    routes = Routes([Route("GET", "/users", "f")])

    assert routes.match("GET", "/users/7") is None
    assert routes.match("GET", "/") is None
    assert routes.match("get", "/users") is None
