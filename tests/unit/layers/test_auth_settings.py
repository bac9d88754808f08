"""How callers are known is decided once, and a decision that is not safe is refused by name."""

import pytest
from pydantic import ValidationError
from tenant_auth.settings import CorsSettings, Settings

JWT = {
    "AUTH_MODE": "jwt",
    "JWT_JWKS_URL": "https://issuer.example/jwks.json",
    "JWT_ISSUER": "https://issuer.example",
    "JWT_AUDIENCE": "event-mesh",
}


def test_given_only_what_is_required_when_read_then_the_rest_is_safe() -> None:
    settings = Settings.model_validate(JWT)
    assert settings.environment == "production"
    assert settings.jwt_algorithms == {"RS256", "ES256"}
    assert (settings.jwt_tenant_claim, settings.jwt_subject_claim) == ("tenant_id", "sub")
    assert settings.jwt_audience_claim == "aud"
    assert settings.jwt_leeway_seconds == 10


def test_given_empty_variables_when_read_then_they_count_as_absent() -> None:
    names = ("ENVIRONMENT", "JWT_ALGORITHMS", "JWT_AUDIENCE_CLAIM", "JWT_TENANT_CLAIM", "JWT_SUBJECT_CLAIM")
    names += ("JWT_LEEWAY_SECONDS",)
    assert Settings.model_validate({**JWT, **dict.fromkeys(names, "")}) == Settings.model_validate(JWT)


@pytest.mark.parametrize("environment", [{}, {"AUTH_MODE": "none-s3cret"}, {"AUTH_MODE": ""}])
def test_given_no_auth_mode_that_is_known_when_read_then_the_variable_is_named(
    environment: dict[str, str],
) -> None:
    with pytest.raises(ValidationError, match="AUTH_MODE") as refused:
        Settings.model_validate(environment)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("environment", ["production", ""])
def test_given_production_when_tokens_would_be_unsigned_then_it_is_refused(environment: str) -> None:
    with pytest.raises(ValidationError, match="ENVIRONMENT production wants jwt"):
        Settings.model_validate({"AUTH_MODE": "dev", "ENVIRONMENT": environment})


@pytest.mark.parametrize("environment", ["development", "staging"])
def test_given_no_production_when_tokens_are_unsigned_then_nothing_else_is_needed(environment: str) -> None:
    read = Settings.model_validate({"AUTH_MODE": "dev", "ENVIRONMENT": environment, "JWT_ISSUER": ""})
    assert read.auth_mode == "dev"


def test_given_an_environment_that_is_unknown_when_read_then_it_is_refused() -> None:
    with pytest.raises(ValidationError, match="ENVIRONMENT"):
        Settings.model_validate({"AUTH_MODE": "dev", "ENVIRONMENT": "prod"})


@pytest.mark.parametrize("name", ["JWT_JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"])
@pytest.mark.parametrize("value", [None, ""])
def test_given_no_issuer_audience_or_url_when_tokens_are_signed_then_it_is_named(
    name: str, value: str | None
) -> None:
    given = {key: text for key, text in {**JWT, name: value}.items() if text is not None}
    with pytest.raises(ValidationError, match=f"AUTH_MODE jwt needs {name}"):
        Settings.model_validate(given)


@pytest.mark.parametrize(
    ("environment", "url", "accepted"),
    [
        ("production", "https://issuer.example/jwks.json", True),
        ("production", "http://issuer.example/jwks.json", False),
        ("staging", "http://issuer.example/jwks.json", True),
        ("development", "http://127.0.0.1:4566/jwks.json", True),
        ("development", "file:///etc/passwd", False),
        ("development", "ftp://issuer.example/jwks.json", False),
        ("development", "data:application/json,{}", False),
        ("development", "issuer.example/jwks.json", False),
        ("development", "http:///jwks.json", False),
        ("development", "http://[", False),
    ],
)
def test_given_a_url_when_read_then_only_http_is_accepted_and_only_https_in_production(
    environment: str, url: str, accepted: bool
) -> None:
    given = {**JWT, "ENVIRONMENT": environment, "JWT_JWKS_URL": url}
    if accepted:
        assert Settings.model_validate(given).jwt_jwks_url == url
    else:
        with pytest.raises(ValidationError):
            Settings.model_validate(given)


@pytest.mark.parametrize(
    "algorithms", ["none", "HS256", "RS256,HS256", "RS256,none", "ES256K", "rs256", ",", "RS256,"]
)
def test_given_an_algorithm_that_is_not_asymmetric_when_read_then_it_is_refused(algorithms: str) -> None:
    with pytest.raises(ValidationError, match="JWT_ALGORITHMS"):
        Settings.model_validate({**JWT, "JWT_ALGORITHMS": algorithms})


def test_given_algorithms_when_read_then_they_are_a_set() -> None:
    read = Settings.model_validate({**JWT, "JWT_ALGORITHMS": "PS512, EdDSA"})
    assert read.jwt_algorithms == {"PS512", "EdDSA"}


@pytest.mark.parametrize("claim", ["AUD", "azp", "sub", "client_id,aud"])
def test_given_an_audience_claim_that_is_unknown_when_read_then_it_is_refused(claim: str) -> None:
    with pytest.raises(ValidationError, match="JWT_AUDIENCE_CLAIM"):
        Settings.model_validate({**JWT, "JWT_AUDIENCE_CLAIM": claim})


@pytest.mark.parametrize("seconds", ["-1", "61", "x", "1.5"])
def test_given_a_leeway_out_of_range_when_read_then_it_is_refused(seconds: str) -> None:
    with pytest.raises(ValidationError, match="JWT_LEEWAY_SECONDS"):
        Settings.model_validate({**JWT, "JWT_LEEWAY_SECONDS": seconds})


@pytest.mark.parametrize(
    "origin",
    [
        *("https://a.dev/", "https://a.dev/app", "https://a.dev?x", "https://a.dev#x", "https://u@a.dev"),
        *("https://A.dev", "HTTPS://a.dev", "https://a.dev:443", "http://a.dev:80", "https://a.dev:"),
        *(
            "a.dev",
            "//a.dev",
            "https://",
            "https://*.a.dev",
            "https://ä.dev",
            "null",
            "https://a.dev;https://b",
        ),
    ],
)
def test_given_an_origin_that_no_browser_sends_when_read_then_it_is_refused_by_name(origin: str) -> None:
    with pytest.raises(ValidationError, match="CORS_ALLOWED_ORIGINS") as refused:
        CorsSettings.model_validate({"CORS_ALLOWED_ORIGINS": f"https://good.dev,{origin}"})
    assert f"{origin!r} is no origin" in str(refused.value)


@pytest.mark.parametrize(
    "origin",
    ["https://a.dev", "https://a.dev:8443", "http://localhost:5173", "http://[::1]", "tauri://localhost"],
)
def test_given_origins_as_browsers_send_them_when_read_then_they_are_taken(origin: str) -> None:
    read = CorsSettings.model_validate({"CORS_ALLOWED_ORIGINS": f"https://xn--bcher-kva.example , {origin}"})
    assert read.cors_allowed_origins == ("https://xn--bcher-kva.example", origin)
