"""The files in events/ are what the tests' builders make: one for every function."""

from tests import sam
from tests.sample_events import FOLDER, as_text, sample_events


def test_every_function_has_an_event_as_the_tests_build_it() -> None:
    files = {path.stem: path.read_text() for path in FOLDER.iterdir()}
    assert files == {name: as_text(event) for name, event in sample_events().items()}, "run: make lock"
    assert files.keys() == sam.functions().keys()
