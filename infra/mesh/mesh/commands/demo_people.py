"""The people of the demo: two tenants, some of them with the same name and address in both."""

from typing import NamedTuple


class Person(NamedTuple):
    """What a client sends to create a user."""

    email: str
    name: str
    profile: str


BAKERY = [
    Person(
        "alice@example.dev",
        "Alice Chen",
        "Runs the ovens of a village bakery: sourdough, rye and baguettes at five in the morning",
    ),
    Person("bob@example.dev", "Bob Okafor", "Pastry chef, chocolate sculptures and wedding cakes"),
    Person("carla@example.dev", "Carla Rossi", "Accountant: monthly books, tax returns and payroll"),
    Person(
        "dmitri@example.dev", "Dmitri Volkov", "Drives the delivery van and knows every street of the city"
    ),
    Person("emma@example.dev", "Emma Lindqvist", "Organic farmer who grows wheat and vegetables"),
    Person("farid@example.dev", "Farid Haddad", "Barista, latte art champion, roasts his own coffee beans"),
    Person("grace@example.dev", "Grace Kim", "Photographer of food and restaurants for magazines"),
    Person("hugo@example.dev", "Hugo Martin", "Repairs refrigerators and industrial kitchen machines"),
    Person("ines@example.dev", "Ines Duarte", "Yoga teacher and physiotherapist for back pain"),
    Person("jonas@example.dev", "Jonas Weber", "Plays the cello in the city's symphony orchestra"),
    Person("kofi@example.dev", "Kofi Mensah", "Beekeeper with forty hives, sells honey and candles"),
    Person("lucia@example.dev", "Lucía Fernández", "Lawyer for rental contracts and small companies"),
    Person("mia@example.dev", "Mia Tanaka", "Teaches mathematics at the primary school"),
    Person("noah@example.dev", "Noah Brown", "Firefighter and volunteer paramedic"),
    Person("olga@example.dev", "Olga Petrova", "Translator of Russian novels into English"),
    Person("sam@example.dev", "Sam Taylor", "Designs the website and the logo of the shop"),
]
LABORATORY = [
    Person("alice@example.dev", "Alice Chen", "Machine learning engineer who trains language models on GPUs"),
    Person(
        "bob@example.dev", "Bob Okafor", "Site reliability engineer: Kubernetes, on-call and incident reviews"
    ),
    Person("sam@example.dev", "Sam Taylor", "Astronomer who searches telescope data for exoplanets"),
    Person("priya@example.dev", "Priya Sharma", "Marine biologist who studies coral reefs and sharks"),
    Person("quentin@example.dev", "Quentin Dubois", "Geologist who predicts volcanic eruptions"),
    Person("rosa@example.dev", "Rosa Silva", "Paediatric nurse in the children's hospital"),
    Person("stefan@example.dev", "Stefan Novak", "Builds violins and restores antique furniture"),
    Person("tomoko@example.dev", "Tomoko Sato", "Robotics researcher: walking machines and grippers"),
    Person("umar@example.dev", "Umar Farouk", "Chess grandmaster who coaches talented children"),
    Person("vera@example.dev", "Vera Schmidt", "Archaeologist excavating Roman villas"),
    Person("will@example.dev", "Will Johnson", "Meteorologist forecasting storms and hurricanes"),
    Person("xenia@example.dev", "Xenia Pappas", "Cryptographer working on post-quantum signatures"),
    Person("yusuf@example.dev", "Yusuf Demir", "Architect of bridges and high-speed railway stations"),
    Person("zoe@example.dev", "Zoë Müller", "Vaccine researcher in immunology"),
    Person("arjun@example.dev", "Arjun Patel", "Marathon runner and sports nutrition scientist"),
    Person("beth@example.dev", "Beth O'Connor", "Veterinarian for horses and farm animals"),
]

# Which tenant asks what, and whom every reader would name.
MEANINGS = [
    ("bakery", "someone who bakes bread", "Alice Chen"),
    ("bakery", "who can help with my tax declaration?", "Carla Rossi"),
    ("bakery", "a musician in an orchestra", "Jonas Weber"),
    ("laboratory", "finding planets around other stars", "Sam Taylor"),
    ("laboratory", "an expert for sick horses", "Beth O'Connor"),
    ("laboratory", "weather forecast", "Will Johnson"),
]
WORDS = [
    ("laboratory", "oconnor", "Beth O'Connor"),
    ("laboratory", "muller", "Zoë Müller"),
    ("bakery", "Fernandes", "Lucía Fernández"),
    ("bakery", "hugo@example.dev", "Hugo Martin"),
    ("laboratory", "quantum", "Xenia Pappas"),
    ("bakery", "the photographer called Grace", "Grace Kim"),
]
NONSENSE = "xqzv blorf wug"
