"""How facts and questions are worded; data only.

In every text {s} is the subject where a nominative stands ("she"), {m} where an objective stands
("her"), {o} what the fact says of it. What stands under `unseen_...` appears in test worlds only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """One relation in words."""

    says: tuple[str, ...]
    """Sentences that state the fact."""
    unseen_says: tuple[str, ...]
    ask: tuple[str, ...]
    """Questions for the value; the first is the plain one."""
    unseen_ask: tuple[str, ...]
    noun: tuple[str, ...]
    """The value as a noun phrase; for a year, the event that it dates."""
    unseen_noun: tuple[str, ...]
    keywords: tuple[str, ...]
    """Further queries that a searcher may try."""
    vague: tuple[str, ...]
    """Sentences with the same words that do not tell."""


WORDINGS: dict[str, Wording] = {
    "person.born_in": Wording(
        (
            "{s} was born in {o}",
            "{s} came into the world in {o}",
            "{o} is the birthplace of {m}",
            "{s} is a native of {o}",
        ),
        ("{s} drew a first breath in {o}", "{o} claims {m} as its own child"),
        ("Where was {m} born?", "What is the birthplace of {m}?"),
        ("Which town is {m} a native of?",),
        ("the town where {m} was born", "the birthplace of {m}"),
        ("the home town of {m}",),
        ("{m} native town", "{m} was born in"),
        (
            "{s} never told anyone in which town the family had lived before",
            "No letter names the street where {s} was born",
        ),
    ),
    "person.born": Wording(
        (
            "{s} was born in {o}",
            "the year {o} saw the birth of {m}",
            "{s} was a child of the year {o}",
            "the birth of {m} fell in {o}",
        ),
        (
            "church books enter the baptism of {m} under {o}",
            "{o} was the year that brought {m} into the world",
        ),
        ("In which year was {m} born?", "When was {m} born?"),
        ("What is the year of birth of {m}?",),
        ("the birth of {m}",),
        ("the arrival of {m} in the world",),
        ("{m} year of birth", "{m} was born in the year"),
        (
            "{s} disliked birthdays and kept none after the fiftieth",
            "The year in which {s} first left home is not known",
        ),
    ),
    "person.spouse": Wording(
        (
            "{s} married {o}",
            "{s} was wed to {o}",
            "{o} became the spouse of {m}",
            "{s} shared a long marriage with {o}",
        ),
        ("{s} exchanged rings with {o}", "{o} and {s} were joined at the altar"),
        ("Who was {m} married to?", "Whom did {m} marry?"),
        ("Who was the partner in life of {m}?",),
        ("the spouse of {m}", "the person whom {m} married"),
        ("the partner in life of {m}",),
        ("{m} marriage", "{m} wife or husband"),
        (
            "{s} wrote at length about marriage but named no one",
            "Two weddings were planned for {m} and put off",
        ),
    ),
    "person.teacher": Wording(
        (
            "{s} was taught by {o}",
            "{s} learned the craft from {o}",
            "{o} was the teacher of {m}",
            "{s} was a pupil of {o}",
        ),
        ("{s} sat at the feet of {o}", "{o} passed on all skill to {m}"),
        ("Who taught {m}?", "Who was the teacher of {m}?"),
        ("From whom did {m} learn the craft?",),
        ("the teacher of {m}", "the person who taught {m}"),
        ("the mentor of {m}",),
        ("{m} was a pupil of", "{m} learned from"),
        (
            "{s} later spoke kindly of every teacher of those years",
            "{s} taught for some winters without pay",
        ),
    ),
    "person.guild": Wording(
        (
            "{s} belonged to {o}",
            "{s} was a member of {o}",
            "{o} counted {m} among its members",
            "{s} joined {o}",
        ),
        ("{s} was sworn into {o}", "the rolls of {o} carry {m} as a sister or brother"),
        ("Which guild was {m} a member of?", "Which guild did {m} belong to?"),
        ("Into which guild was {m} sworn?",),
        ("the guild that {m} belonged to", "the guild of which {m} was a member"),
        ("the guild that admitted {m}",),
        ("{m} guild membership", "{m} joined the guild"),
        (
            "{s} refused more than one guild before the last offer",
            "Members of a guild carried {m} home one night",
        ),
    ),
    "town.region": Wording(
        (
            "{s} lies in {o}",
            "{s} is a town in {o}",
            "{s} stands in the region of {o}",
            "{s} belongs to {o}",
        ),
        ("{o} has {s} within its borders", "maps place {m} inside {o}"),
        ("In which region does {m} lie?", "Which region is {m} in?"),
        ("Within the borders of which region is {m}?",),
        ("the region in which {m} lies", "the region around {m}"),
        ("the part of the country that holds {m}",),
        ("{m} region", "{m} is a town in"),
        ("Two regions once quarrelled over {m}", "{s} lies on both sides of a shallow stream"),
    ),
    "town.founded": Wording(
        (
            "{s} was founded in {o}",
            "settlers founded {m} in {o}",
            "the founding of {m} dates to {o}",
            "{s} has stood since {o}",
        ),
        ("the first stone of {m} was laid in {o}", "{s} goes back to {o}"),
        ("In which year was {m} founded?", "When was {m} founded?"),
        ("From which year does {m} date?",),
        ("the founding of {m}",),
        ("the laying of the first stone of {m}",),
        ("{m} founding year", "{m} was founded in"),
        (
            "Who founded {m} is told in four different ways",
            "{s} burned down once and was built again in stone",
        ),
    ),
    "town.population": Wording(
        (
            "{s} has {o} inhabitants",
            "{o} people live in {m}",
            "the population of {m} is {o}",
            "{s} is home to {o} people",
        ),
        ("the last census counted {o} souls in {m}", "{o} residents call {m} home"),
        ("How many inhabitants does {m} have?", "How many people live in {m}?"),
        ("How many souls did the census count in {m}?",),
        ("the population of {m}", "the number of people living in {m}"),
        ("the head count of {m}",),
        ("{m} population", "{m} inhabitants"),
        (
            "Many people leave {m} in winter",
            "The inhabitants of {m} are fond of counting strangers",
        ),
    ),
    "town.mayor": Wording(
        (
            "{o} served as mayor of {m}",
            "{s} had {o} as its mayor",
            "{s} elected {o} mayor",
            "the mayor of {m} was {o}",
        ),
        ("{o} wore the chain of office in {m}", "{s} was governed by {o}"),
        ("Who was the mayor of {m}?", "Who served as mayor of {m}?"),
        ("Who wore the chain of office in {m}?",),
        ("the mayor of {m}", "the person elected mayor of {m}"),
        ("the head of the council of {m}",),
        ("{m} mayor", "{m} elected"),
        ("Every mayor of {m} must plant one tree", "{s} once went three years without a mayor"),
    ),
    "region.capital": Wording(
        (
            "{o} is the capital of {m}",
            "{s} is governed from {o}",
            "the capital of {m} is {o}",
            "{s} has its seat of government in {o}",
        ),
        ("the council of {m} sits in {o}", "{o} is the first town of {m}"),
        ("What is the capital of {m}?", "Which town is the capital of {m}?"),
        ("Where does the council of {m} sit?",),
        ("the capital of {m}", "the town from which {m} is governed"),
        ("the chief town of {m}",),
        ("{m} capital town", "{m} is governed from"),
        ("{s} moved its archives three times", "The old capital of {m} lies under a lake"),
    ),
    "region.ruler": Wording(
        (
            "{o} ruled {m}",
            "{s} was ruled by {o}",
            "the ruler of {m} was {o}",
            "{s} was held by {o}",
        ),
        ("{o} sat on the throne of {m}", "{s} obeyed {o}"),
        ("Who ruled {m}?", "Who was the ruler of {m}?"),
        ("Who sat on the throne of {m}?",),
        ("the ruler of {m}", "the person who ruled {m}"),
        ("the sovereign of {m}",),
        ("{m} ruler", "{m} was ruled by"),
        ("The rulers of {m} paid no tolls", "{s} had rulers whose names nobody kept"),
    ),
    "region.area": Wording(
        (
            "{s} covers {o} square miles",
            "{s} has an area of {o} square miles",
            "the area of {m} is {o} square miles",
            "{s} spreads over {o} square miles",
        ),
        ("surveyors put {m} at {o} square miles", "{s} takes up {o} square miles"),
        ("How many square miles does {m} cover?", "What is the area of {m} in square miles?"),
        ("At how many square miles did surveyors put {m}?",),
        ("the area of {m} in square miles", "the number of square miles that {m} covers"),
        ("the extent of {m} in square miles",),
        ("{m} area", "{m} square miles"),
        ("Much of the area of {m} is marsh", "{s} shrank when the sea rose"),
    ),
    "region.school": Wording(
        (
            "the oldest school of {m} is {o}",
            "{o} is the oldest school in {m}",
            "{s} has {o} as its oldest school",
            "no school in {m} is older than {o}",
        ),
        ("{s} sent its first pupils to {o}", "lessons in {m} began at {o}"),
        ("What is the oldest school in {m}?", "Which school is the oldest of {m}?"),
        ("Where did lessons in {m} begin?",),
        ("the oldest school in {m}", "the oldest school of {m}"),
        ("the school where lessons in {m} began",),
        ("{m} oldest school", "{m} first school"),
        ("The schools of {m} close at harvest", "{s} pays for every school book"),
    ),
    "novel.author": Wording(
        (
            "{s} was written by {o}",
            "{o} wrote {m}",
            "{s} is a novel by {o}",
            "{o} is the author of {m}",
        ),
        ("{s} came from the pen of {o}", "readers owe {m} to {o}"),
        ("Who wrote {m}?", "Who is the author of {m}?"),
        ("From whose pen did {m} come?",),
        ("the author of {m}", "the person who wrote {m}"),
        ("the novelist behind {m}",),
        ("{m} novel author", "{m} written by"),
        (
            "The author of {m} burned the first draft",
            "{s} was first printed without the name of a writer",
        ),
    ),
    "novel.published": Wording(
        (
            "{s} was published in {o}",
            "{s} appeared in {o}",
            "{s} first came out in {o}",
            "the publication of {m} was in {o}",
        ),
        ("booksellers first stocked {m} in {o}", "{s} reached its readers in {o}"),
        ("In which year was {m} published?", "When did {m} appear?"),
        ("In which year did booksellers first stock {m}?",),
        ("the publication of {m}",),
        ("the arrival of {m} in the bookshops",),
        ("{m} publication year", "{m} first came out in"),
        (
            "{s} was published again with many errors",
            "{s} appeared late because of a fire at the press",
        ),
    ),
    "novel.pages": Wording(
        (
            "{s} has {o} pages",
            "{s} runs to {o} pages",
            "{s} fills {o} pages",
            "{s} is {o} pages long",
        ),
        ("its printers needed {o} pages for {m}", "{s} ends on page {o}"),
        ("How many pages does {m} have?", "How long is {m} in pages?"),
        ("On which page does {m} end?",),
        ("the number of pages of {m}", "the length of {m} in pages"),
        ("the page count of {m}",),
        ("{m} number of pages", "{m} pages long"),
        ("Some pages of {m} are printed in red", "A page of {m} hangs framed in a tavern"),
    ),
    "novel.setting": Wording(
        (
            "{s} is set in {o}",
            "{s} takes place in {o}",
            "{s} tells of life in {o}",
            "the story of {m} unfolds in {o}",
        ),
        ("{s} leads its readers through the streets of {o}", "{o} is the scene of {m}"),
        ("In which town is {m} set?", "Where does {m} take place?"),
        ("Which town is the scene of {m}?",),
        ("the town in which {m} is set", "the town where {m} takes place"),
        ("the scene of {m}",),
        ("{m} setting", "{m} story takes place in"),
        (
            "{s} describes a town so exactly that readers draw maps of it",
            "The setting of {m} changes with the seasons",
        ),
    ),
    "guild.founder": Wording(
        (
            "{s} was founded by {o}",
            "{o} founded {m}",
            "{o} was the founder of {m}",
            "{s} was set up by {o}",
        ),
        ("{s} owes its charter to {o}", "{o} called {m} into being"),
        ("Who founded {m}?", "Who was the founder of {m}?"),
        ("To whom does {m} owe its charter?",),
        ("the founder of {m}", "the person who founded {m}"),
        ("the first master of {m}",),
        ("{m} founder", "{m} was set up by"),
        (
            "The founder of {m} left a chair that nobody may use",
            "{s} honours its founder with a silent meal",
        ),
    ),
    "guild.founded": Wording(
        (
            "{s} was founded in {o}",
            "{s} dates from {o}",
            "{s} came into being in {o}",
            "the founding of {m} was in {o}",
        ),
        ("{s} received its charter in {o}", "the books of {m} open in {o}"),
        ("In which year was {m} founded?", "When was {m} founded?"),
        ("In which year did {m} receive its charter?",),
        ("the founding of {m}",),
        ("the granting of a charter to {m}",),
        ("{m} founding year", "{m} dates from"),
        ("The founding papers of {m} are lost", "{s} was banned for a while and came back"),
    ),
    "guild.members": Wording(
        (
            "{s} has {o} members",
            "{s} counts {o} members",
            "the membership of {m} is {o}",
            "{o} members make up {m}",
        ),
        ("{o} names stand on the rolls of {m}", "{s} can call on {o} sworn hands"),
        ("How many members does {m} have?", "How many people are members of {m}?"),
        ("How many names stand on the rolls of {m}?",),
        ("the number of members of {m}", "the membership of {m}"),
        ("the strength of the rolls of {m}",),
        ("{m} number of members", "{m} membership count"),
        ("Members of {m} wear one grey glove", "{s} expels members who whistle"),
    ),
    "guild.seat": Wording(
        (
            "{s} has its seat in {o}",
            "{s} meets in {o}",
            "{s} is based in {o}",
            "the hall of {m} stands in {o}",
        ),
        ("{s} keeps its chest in {o}", "{o} shelters the hall of {m}"),
        ("In which town does {m} have its seat?", "Where is {m} based?"),
        ("In which town does {m} keep its chest?",),
        ("the town where {m} has its seat", "the town where {m} is based"),
        ("the home of {m}",),
        ("{m} seat", "{m} hall stands in"),
        ("The hall of {m} has no windows to the street", "{s} meets at night when trade is good"),
    ),
    "expedition.leader": Wording(
        (
            "{s} was led by {o}",
            "{o} led {m}",
            "{o} was the leader of {m}",
            "{s} went out under {o}",
        ),
        ("{s} followed {o}", "{o} held command over {m}"),
        ("Who led {m}?", "Who was the leader of {m}?"),
        ("Who held command over {m}?",),
        ("the leader of {m}", "the person who led {m}"),
        ("the commander of {m}",),
        ("{m} leader", "{m} went out under"),
        (
            "The leaders of {m} quarrelled over the tents",
            "{s} leaned on guides who stayed nameless",
        ),
    ),
    "expedition.set_out": Wording(
        (
            "{s} set out in {o}",
            "{s} departed in {o}",
            "{s} began in {o}",
            "the departure of {m} was in {o}",
        ),
        ("{s} took to the road in {o}", "crowds waved {m} off in {o}"),
        ("In which year did {m} set out?", "When did {m} depart?"),
        ("In which year was {m} waved off?",),
        ("the departure of {m}",),
        ("the farewell of {m}",),
        ("{m} departure year", "{m} set out in"),
        ("{s} set out in heavy rain", "The start of {m} was put off twice"),
    ),
    "expedition.days": Wording(
        (
            "{s} took {o} days",
            "{s} lasted {o} days",
            "{s} was on its way for {o} days",
            "{s} came home after {o} days",
        ),
        ("the log of {m} stops at day {o}", "{o} days passed before {s} was seen again"),
        ("How many days did {m} take?", "How many days did {m} last?"),
        ("At which day does the log of {m} stop?",),
        ("the number of days that {m} took", "the length of {m} in days"),
        ("the duration of {m} in days",),
        ("{m} length in days", "{m} lasted days"),
        ("For many days {s} saw no bird", "{s} lost some days to fog"),
    ),
    "expedition.ship": Wording(
        (
            "{s} sailed on {o}",
            "{s} travelled aboard {o}",
            "{o} carried {m}",
            "the ship of {m} was {o}",
        ),
        ("{s} crossed the water in {o}", "{o} took {m} on board"),
        ("Which ship did {m} sail on?", "Which ship carried {m}?"),
        ("Which ship took {m} on board?",),
        ("the ship that carried {m}", "the ship of {m}"),
        ("the vessel of {m}",),
        ("{m} ship", "{m} travelled aboard"),
        ("The ship of {m} leaked from the first day", "{s} ate ship's biscuit to the end"),
    ),
    "ship.captain": Wording(
        (
            "{o} commanded {m}",
            "the captain of {m} was {o}",
            "{s} sailed under {o}",
            "{s} had {o} as captain",
        ),
        ("{o} stood on the bridge of {m}", "{s} took orders from {o}"),
        ("Who was the captain of {m}?", "Who commanded {m}?"),
        ("From whom did {m} take orders?",),
        ("the captain of {m}", "the person who commanded {m}"),
        ("the master of {m}",),
        ("{m} captain", "{m} sailed under"),
        (
            "The cabin of the captain of {m} smelled of tar",
            "{s} lost a captain's hat in every storm",
        ),
    ),
    "ship.launched": Wording(
        (
            "{s} was launched in {o}",
            "{s} first took to the water in {o}",
            "the launch of {m} was in {o}",
            "{s} left the slip in {o}",
        ),
        ("{s} tasted salt for the first time in {o}", "bottles broke on the bow of {m} in {o}"),
        ("In which year was {m} launched?", "When was {m} launched?"),
        ("In which year did {m} first taste salt?",),
        ("the launch of {m}",),
        ("the first wetting of {m}",),
        ("{m} launch year", "{m} first took to the water in"),
        (
            "The launch of {m} was watched by a brass band",
            "{s} was painted again after every voyage",
        ),
    ),
    "ship.crew": Wording(
        (
            "{s} had a crew of {o}",
            "{o} sailors served on {m}",
            "the crew of {m} numbered {o}",
            "{s} carried {o} sailors",
        ),
        ("{o} hammocks hung below the deck of {m}", "{s} fed {o} mouths at sea"),
        ("How many sailors served on {m}?", "How large was the crew of {m}?"),
        ("How many hammocks hung below the deck of {m}?",),
        ("the number of sailors on {m}", "the crew size of {m}"),
        ("the complement of {m}",),
        ("{m} crew size", "{m} number of sailors"),
        ("The crew of {m} kept a goat", "Sailors on {m} were paid in cloth"),
    ),
    "ship.built_in": Wording(
        (
            "{s} was built in {o}",
            "the yards of {o} built {m}",
            "{s} was made in {o}",
            "{s} came from the yards of {o}",
        ),
        ("carpenters in {o} laid the keel of {m}", "{o} gave {m} to the sea"),
        ("In which town was {m} built?", "Where was {m} built?"),
        ("In which town was the keel of {m} laid?",),
        ("the town where {m} was built", "the town whose yards built {m}"),
        ("the home yard of {m}",),
        ("{m} was built in", "{m} shipyard"),
        (
            "The wood of which {s} was built came from far away",
            "{s} was built in a hurry and it showed",
        ),
    ),
    "instrument.inventor": Wording(
        (
            "{s} was invented by {o}",
            "{o} invented {m}",
            "{o} is the inventor of {m}",
            "{s} is the work of {o}",
        ),
        ("{s} sprang from the mind of {o}", "musicians thank {o} for {m}"),
        ("Who invented {m}?", "Who was the inventor of {m}?"),
        ("From whose mind did {m} spring?",),
        ("the inventor of {m}", "the person who invented {m}"),
        ("the first maker of {m}",),
        ("{m} inventor", "{m} instrument invented by"),
        ("The inventor of {m} could not play a note", "{s} was copied by many other makers"),
    ),
    "instrument.invented": Wording(
        (
            "{s} was invented in {o}",
            "{s} was first played in {o}",
            "the invention of {m} dates to {o}",
            "{s} was devised in {o}",
        ),
        ("ears first met {m} in {o}", "the patent of {m} bears the year {o}"),
        ("In which year was {m} invented?", "When was {m} invented?"),
        ("Which year does the patent of {m} bear?",),
        ("the invention of {m}",),
        ("the patent of {m}",),
        ("{m} year of invention", "{m} was devised in"),
        ("The invention of {m} was an accident", "{s} was played at no wedding"),
    ),
    "instrument.weight": Wording(
        (
            "{s} weighs {o} pounds",
            "the weight of {m} is {o} pounds",
            "{s} has a weight of {o} pounds",
            "{o} pounds is the weight of {m}",
        ),
        ("porters groan under the {o} pounds of {m}", "scales show {o} pounds under {m}"),
        ("How many pounds does {m} weigh?", "What is the weight of {m} in pounds?"),
        ("How many pounds do scales show under {m}?",),
        ("the weight of {m} in pounds", "the number of pounds that {m} weighs"),
        ("the load of {m} in pounds",),
        ("{m} weight", "{m} pounds"),
        ("The weight of {m} broke a stage", "{s} is carried by a team of oxen"),
    ),
    "instrument.kept_in": Wording(
        (
            "{s} is kept in {o}",
            "{s} can be seen in {o}",
            "the museum of {o} keeps {m}",
            "{s} is on show in {o}",
        ),
        ("{o} guards {m} behind glass", "{s} found its rest in {o}"),
        ("In which town is {m} kept?", "Where can {m} be seen?"),
        ("Which town guards {m} behind glass?",),
        ("the town where {m} is kept", "the town where {m} can be seen"),
        ("the resting place of {m}",),
        ("{m} museum", "{m} is kept in"),
        ("{s} is kept away from the sun", "Keepers oil {m} every spring"),
    ),
    "school.founder": Wording(
        (
            "{s} was founded by {o}",
            "{o} founded {m}",
            "{o} was the founder of {m}",
            "{s} was set up by {o}",
        ),
        ("{s} owes its doors to {o}", "{o} gave the first gold for {m}"),
        ("Who founded {m}?", "Who was the founder of {m}?"),
        ("Who gave the first gold for {m}?",),
        ("the founder of {m}", "the person who founded {m}"),
        ("the first patron of {m}",),
        ("{m} founder", "{m} was set up by"),
        (
            "The founder of {m} never learned to read",
            "{s} celebrates its founder with a day without lessons",
        ),
    ),
    "school.founded": Wording(
        (
            "{s} was founded in {o}",
            "{s} opened in {o}",
            "the founding of {m} was in {o}",
            "{s} dates from {o}",
        ),
        ("{s} rang its bell for the first time in {o}", "benches were first filled at {m} in {o}"),
        ("In which year was {m} founded?", "When did {m} open?"),
        ("In which year did {m} first ring its bell?",),
        ("the founding of {m}",),
        ("the first bell of {m}",),
        ("{m} founding year", "{m} opened in"),
        ("{s} was closed for two summers", "The founding of {m} was fought over in court"),
    ),
    "school.pupils": Wording(
        (
            "{s} has {o} pupils",
            "{o} pupils attend {m}",
            "{s} teaches {o} pupils",
            "the pupils of {m} number {o}",
        ),
        ("{o} young heads bend over books at {m}", "{s} sets out {o} chairs every morning"),
        ("How many pupils does {m} have?", "How many pupils attend {m}?"),
        ("How many chairs does {m} set out every morning?",),
        ("the number of pupils of {m}", "the number of pupils at {m}"),
        ("the roll of {m}",),
        ("{m} number of pupils", "{m} pupils attend"),
        ("Pupils of {m} grow their own beans", "{s} sends pupils home when it snows"),
    ),
    "school.town": Wording(
        (
            "{s} is in {o}",
            "{s} stands in {o}",
            "{s} is a school in {o}",
            "the town of {o} is home to {m}",
        ),
        (
            "the gates of {m} open onto the square of {o}",
            "{o} lends its name to no school but houses {m}",
        ),
        ("In which town is {m}?", "Where is {m}?"),
        ("Onto the square of which town do the gates of {m} open?",),
        ("the town where {m} stands", "the town that is home to {m}"),
        ("the town that houses {m}",),
        ("{m} town", "{m} stands in"),
        ("{s} moved to another street after a flood", "Half the town came to the roofing of {m}"),
    ),
    "festival.founder": Wording(
        (
            "{s} was founded by {o}",
            "{o} founded {m}",
            "{s} was begun by {o}",
            "{o} was the founder of {m}",
        ),
        ("{s} goes back to a wager of {o}", "{o} lit the first fire of {m}"),
        ("Who founded {m}?", "Who was the founder of {m}?"),
        ("Who lit the first fire of {m}?",),
        ("the founder of {m}", "the person who founded {m}"),
        ("the first host of {m}",),
        ("{m} founder", "{m} was begun by"),
        ("The founder of {m} is shown in straw", "{s} was quarrelled over by two families"),
    ),
    "festival.first_held": Wording(
        (
            "{s} was first held in {o}",
            "{s} has been held since {o}",
            "the first year of {m} was {o}",
            "{s} began in {o}",
        ),
        ("the lamps of {m} were first lit in {o}", "people first danced at {m} in {o}"),
        ("In which year was {m} first held?", "When was {m} first held?"),
        ("In which year were the lamps of {m} first lit?",),
        ("the start of {m}",),
        ("the first dance of {m}",),
        ("{m} first year", "{m} has been held since"),
        (
            "{s} was not held in the years of the flood",
            "The first morning of {m} is spent in silence",
        ),
    ),
    "festival.visitors": Wording(
        (
            "{s} draws {o} visitors",
            "{o} visitors come to {m}",
            "the visitors of {m} number {o}",
            "{s} welcomes {o} visitors",
        ),
        ("{o} guests crowd to {m}", "{s} sells {o} tickets"),
        ("How many visitors does {m} draw?", "How many visitors come to {m}?"),
        ("How many tickets does {m} sell?",),
        ("the number of visitors of {m}", "the number of visitors that {m} draws"),
        ("the attendance at {m}",),
        ("{m} number of visitors", "{m} draws visitors"),
        ("Visitors of {m} must bring a spoon", "{s} turns visitors away after dark"),
    ),
    "festival.town": Wording(
        (
            "{s} is held in {o}",
            "{s} takes place in {o}",
            "the town of {o} holds {m}",
            "{o} is the home of {m}",
        ),
        ("{s} fills the lanes of {o}", "for {m} the gates of {o} stay open all night"),
        ("In which town is {m} held?", "Where does {m} take place?"),
        ("The lanes of which town does {m} fill?",),
        ("the town where {m} is held", "the town that holds {m}"),
        ("the host town of {m}",),
        ("{m} town", "{m} is held in"),
        ("{s} wakes the whole town before sunrise", "No town wanted {m} at first"),
    ),
}

YEARS: tuple[str, ...] = (
    "person.born",
    "town.founded",
    "novel.published",
    "guild.founded",
    "expedition.set_out",
    "ship.launched",
    "instrument.invented",
    "school.founded",
    "festival.first_held",
)
"""Relations whose value is a year; any two can be compared."""

UNITS: dict[str, tuple[str, str, str]] = {
    "town.population": ("inhabitants", "have", "has"),
    "region.area": ("square miles", "cover", "covers"),
    "novel.pages": ("pages", "have", "has"),
    "guild.members": ("members", "have", "has"),
    "expedition.days": ("days", "need", "needs"),
    "ship.crew": ("sailors", "carry", "carries"),
    "instrument.weight": ("pounds", "weigh", "weighs"),
    "school.pupils": ("pupils", "have", "has"),
    "festival.visitors": ("visitors", "draw", "draws"),
}
"""Relations whose value is a count: its unit, and the verb in its two forms.

Only counts of one unit are compared."""

BASICS: dict[str, str] = {
    "person": "",
    "town": "the town",
    "region": "the region",
    "novel": "the novel",
    "guild": "the guild",
    "expedition": "the expedition",
    "ship": "the ship",
    "instrument": "the instrument",
    "school": "the school",
    "festival": "the festival",
}
"""What a later sentence calls the subject."""

FILLERS: dict[str, tuple[str, ...]] = {
    "person": (
        "{s} kept bees and a careful diary",
        "{s} was known for a loud laugh and quiet work",
        "{s} walked everywhere, even in snow",
        "{s} collected maps of places that nobody visited",
        "{s} owed money to half the street",
    ),
    "town": (
        "{s} is known for its crooked streets",
        "{s} has a clock that runs slow",
        "{s} sells good cheese and bad rope",
        "{s} floods whenever the snow melts",
    ),
    "region": (
        "{s} is mostly hills and sheep",
        "{s} trades in salt and timber",
        "{s} has long winters and short summers",
    ),
    "novel": (
        "{s} was read aloud in kitchens",
        "{s} ends with a letter that is never opened",
        "{s} sold slowly and then everywhere",
        "{s} is about two sisters and a debt",
    ),
    "guild": (
        "{s} guards its recipes closely",
        "{s} pays for the lamps in its street",
        "{s} is fond of long dinners",
    ),
    "expedition": (
        "{s} came back with seeds and drawings",
        "{s} lost most of its boots",
        "{s} found a lake that is on no map",
    ),
    "ship": (
        "{s} carried salt, timber and letters",
        "{s} was slow but dry",
        "{s} outlived two storms",
    ),
    "instrument": (
        "{s} sounds like wind in a chimney",
        "{s} needs two players",
        "{s} is hard to tune in damp weather",
    ),
    "school": (
        "{s} is strict about ink",
        "{s} has a famous library",
        "{s} begins each day with a song",
    ),
    "festival": (
        "{s} ends with a race of carts",
        "{s} is known for its plum cakes",
        "{s} is held whatever the weather",
    ),
}
