"""People who make a tenant grow, none of whom is an answer to anything: the same ones in every run."""

from itertools import islice, product
from random import Random

from tests.bench.search.labelled import Person

FIRST_ID = 10_001

_FIRST_NAMES = (
    "Abel", "Bianca", "Cedric", "Daphne", "Elliot", "Freya", "Gilbert", "Heather", "Irene", "Jasper",
    "Kirsten", "Linus", "Mathilda", "Nolan", "Odette", "Preston", "Rosalind", "Stuart", "Trudy",
    "Ulric", "Valerie", "Wesley", "Yvette", "Zelda", "Alistair", "Bridget", "Cyril", "Dorothea", "Egon",
    "Flora",
)  # fmt: skip
_SURNAMES = (
    "Ackroyd", "Birtwistle", "Cotterill", "Dinsdale", "Entwistle", "Fanshawe", "Gascoigne", "Hepburn",
    "Ibbotson", "Jessop", "Kettleborough", "Lumley", "Mottram", "Nuttall", "Oldroyd", "Peverell",
    "Rudge", "Sotheby", "Tattersall", "Uttley", "Vipond", "Whalley", "Yeoman", "Ashcombe", "Broadbent",
    "Chadwick", "Duckworth", "Earnshaw", "Fawcett", "Greenhalgh", "Holroyd", "Illingworth", "Kirkbride",
    "Lofthouse",
)  # fmt: skip
_WORK = (
    "Travel agent",
    "Receptionist",
    "Bank teller",
    "Forester",
    "Economist",
    "Journalist",
    "Dietitian",
    "Packaging designer",
    "Tailor of suits",
    "Perfumer",
    "Chauffeur",
    "Estate agent",
    "Gardener in public parks",
    "Librarian at a university",
    "Social worker",
    "Tile layer",
    "Painter of facades",
    "Web developer",
    "Test engineer for brakes",
    "Business analyst",
    "Town planner",
    "Lecturer in marketing",
    "Goldsmith",
    "Printer of posters",
    "Bookbinder",
    "Car salesman",
    "Waitress",
    "Fitness trainer",
    "Occupational therapist",
    "Laboratory assistant",
    "Storekeeper",
    "Quality inspector for tyres",
)
_HOW = (
    "in a small town near the moor.",
    "who answers every message the same day.",
    "with a team of five.",
    "and chairwoman of the residents' association.",
    "since leaving school.",
    "at a family business.",
    "and a keen collector of postcards.",
    "after ten years in the army.",
    "who likes to explain the job to visitors.",
    "now in part time.",
)
_REST = (
    "Plays badminton on Thursdays.",
    "Writes a column for the parish paper.",
    "Looks after two grandchildren.",
    "Saves for a camper van.",
    "Paints watercolours of bridges.",
    "Sings tenor in the town hall.",
    "Renovates an old farmhouse.",
    "Is learning Italian.",
    "Grows herbs on the balcony.",
    "Never misses a home match.",
)


def crowd(number: int) -> list[Person]:
    """Return that many people, with names and domains that nobody of the labelled set has."""
    random = Random(14)
    names = [f"{first} {last}" for first, last in product(_FIRST_NAMES, _SURNAMES)]
    random.shuffle(names)
    if number > len(names):
        raise ValueError(f"There are no more than {len(names)} names for a crowd.")
    return [
        Person(
            FIRST_ID + place,
            f"{name.replace(' ', '.').lower()}@crowd-{place % 40}.example",
            name,
            " ".join(random.choice(part) for part in (_WORK, _HOW, _REST)),
        )
        for place, name in enumerate(islice(names, number))
    ]
