"""ETag, If-Match and If-None-Match: which version a request is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenant_auth.http.preconditions import MalformedTagsError, etag, expected_versions, is_known

WEAK = [f"W/{etag(3)}", f' W/{etag(3)} , "x"']
NONE_OF_OURS = ['""', '"3-gzip"', '"03"', '"abc"', '"-3"', '"99999999999999999999"', '"W/"', '"é"']
MALFORMED = ["", " ", "3", "'3'", '"3', '3"', '"3" "4"', 'w/"3"', "W/3", '*, "3"', '"3", *', '"a b"', '"3";x']


@pytest.mark.parametrize("header", [None, "*", " * "])
def test_given_no_tag_when_read_then_any_version_is_expected(header: str | None) -> None:
    assert expected_versions(header) is None


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (etag(3), {3}),
        (f" {etag(3)}\t", {3}),
        ('"3", "4"', {3, 4}),
        ('"3","4"', {3, 4}),
        (', "3" ,, "4",', {3, 4}),  # RFC 9110, 5.6.1: a recipient takes empty elements
        ('"a,b", "3"', {3}),  # a comma between quotes is none
        ('"3", W/"4", "x"', {3}),
    ],
)
def test_given_tags_when_read_then_those_versions_are_expected(header: str, versions: set[int]) -> None:
    assert expected_versions(header) == versions


@pytest.mark.parametrize("header", [*WEAK, *NONE_OF_OURS])
def test_given_a_weak_or_foreign_tag_when_read_then_no_version_matches(header: str) -> None:
    assert expected_versions(header) == frozenset()


@pytest.mark.parametrize("header", MALFORMED)
def test_given_no_list_of_tags_when_read_then_the_error_says_what_to_send(header: str) -> None:
    with pytest.raises(MalformedTagsError, match='such as "3"'):
        expected_versions(header)


@pytest.mark.parametrize("header", [etag(3), *WEAK, '"2", "3"', "*"])
def test_given_the_version_that_the_client_has_when_compared_then_it_is_known(header: str) -> None:
    assert is_known(3, header)


@pytest.mark.parametrize("header", [None, etag(4), *NONE_OF_OURS, *MALFORMED])
def test_given_another_version_or_no_list_when_compared_then_it_is_not_known(header: str | None) -> None:
    assert not is_known(3, header)


@given(st.integers(1, 2**53))
def test_given_any_version_when_its_etag_comes_back_then_it_is_expected_and_known(version: int) -> None:
    assert expected_versions(etag(version)) == {version}
    assert is_known(version, etag(version))


@given(st.text())
def test_given_any_header_when_read_then_it_is_versions_or_malformed(header: str) -> None:
    try:
        versions = expected_versions(header)
    except MalformedTagsError:
        return
    assert versions is None or all(version > 0 for version in versions)
