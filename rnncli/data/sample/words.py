"""The words of the bundled sample corpus.

Sentiment words come in kinds that fit the same place in a sentence, each with negative and
positive words in the order of how common they are; neutral words come by the slot they fill.
"""

Opposites = dict[str, tuple[str, ...]]
"""Words of one kind for the labels ``neg`` and ``pos``, most common first."""


def _opposites(neg: str, pos: str) -> Opposites:
    return {"neg": _words(neg), "pos": _words(pos)}


def _words(text: str) -> tuple[str, ...]:
    """Entries separated by commas where some hold blanks, else by blanks."""
    return tuple(" ".join(entry.split()) for entry in (text.split(",") if "," in text else text.split()))


ADJECTIVES = _opposites(
    """bad terrible awful boring poor dull horrible rubbish weak stupid dreadful silly lazy disappointing
    annoying predictable forgettable tedious bland flat messy clumsy cheap ugly painful pointless
    shallow empty lifeless wooden stale tiresome ridiculous irritating confusing embarrassing lame
    dreary incoherent muddled contrived artificial pretentious sloppy careless crude unpleasant
    unbearable unwatchable lousy mediocre generic unoriginal unfunny humourless charmless heartless
    soulless mindless senseless plodding bloated overlong repetitive monotonous corny cheesy awkward
    amateurish incompetent pathetic atrocious abysmal laughable grating disjointed unconvincing
    implausible slow thin uneven rambling formulaic joyless tasteless colourless worthless useless
    hopeless meaningless melodramatic exhausting infuriating frustrating unsatisfying uninteresting""",
    """good great wonderful excellent nice awesome brilliant superb fantastic amazing lovely beautiful
    funny charming moving gripping clever enjoyable delightful thrilling engaging impressive memorable
    touching perfect fresh smart witty exciting entertaining powerful remarkable splendid terrific
    outstanding marvellous elegant graceful stunning magnificent captivating compelling original
    imaginative tender honest vivid subtle thoughtful intelligent inspired inspiring uplifting heartfelt
    hilarious amusing satisfying rewarding refreshing polished stylish lively energetic convincing
    believable flawless exquisite enchanting magical breathtaking dazzling riveting profound poetic
    sharp glorious admirable joyful endearing likeable pleasing atmospheric immersive masterful sweet
    gentle bright cheerful playful skilful delicate intimate haunting fascinating intriguing insightful
    gorgeous fabulous timeless adorable unforgettable extraordinary exceptional""",
)
GRADABLE = _opposites(  # adjectives that "a little" goes with
    """dull boring silly weak flat messy clumsy bland tedious predictable lazy cheesy corny awkward
    confusing shallow repetitive annoying generic stale""",
    """good funny charming clever moving touching enjoyable amusing entertaining witty lively likeable
    pleasing fresh original smart tender exciting engaging impressive""",
)
NOUNS = _opposites(
    """mess disaster failure bore disappointment flop letdown waste chore dud embarrassment catastrophe
    nightmare fiasco wreck mistake slog ordeal blunder travesty misfire headache shambles insult muddle""",
    """triumph masterpiece delight joy gem treat success pleasure classic wonder winner marvel treasure hit
    beauty jewel gift revelation blessing miracle highlight victory charmer inspiration feast""",
)
VERBS = _opposites(  # past tense
    "hated disliked loathed detested despised resented regretted dreaded abhorred deplored criticised",
    "loved liked enjoyed adored admired appreciated cherished relished savoured treasured praised",
)
SOFT_VERBS = _opposites(  # past tense, that "mildly" goes with
    "disliked resented regretted criticised", "liked enjoyed appreciated admired"
)
BASE_VERBS = _opposites(
    "hate dislike loathe detest despise resent regret dread abhor deplore criticise",
    "love like enjoy adore admire appreciate cherish relish savour treasure praise",
)
ADVERBS = _opposites(
    """badly poorly terribly clumsily lazily carelessly horribly awkwardly sloppily dreadfully crudely
    ineptly feebly painfully shoddily atrociously""",
    """beautifully wonderfully brilliantly superbly cleverly perfectly elegantly splendidly skilfully
    gracefully expertly masterfully sensitively lovingly deftly gorgeously""",
)
SUPERLATIVES = _opposites(
    "worst dullest weakest poorest silliest ugliest laziest dreariest clumsiest feeblest",
    "best finest greatest loveliest funniest cleverest smartest wittiest freshest richest",
)
VERDICTS = _opposites(
    """avoid it, skip it, stay away, do yourself a favour and skip it, I want my money back, save your
    money, I walked out early, I was glad when it ended, I would not sit through it again, I nearly fell
    asleep, a waste of time, do not waste your time, not worth the ticket""",
    """highly recommended, well worth seeing, do not miss it, see it twice, worth every penny, I could
    watch it again tomorrow, I was sorry when it ended, I cannot wait to see it again, I smiled all the
    way home, go and see it, a joy to watch, an instant favourite, definitely a must""",
)
SIDES = _opposites(  # what a comparison puts first: the film itself, or what it is measured against
    "book, novel, trailer, pilot episode, poster, radio play, stage play, series, comic, short story",
    "film, movie, picture, feature, adaptation, screen version",
)

NEW_ADJECTIVES = _opposites(
    """abominable deplorable ghastly execrable lamentable woeful excruciating turgid stodgy leaden
    lacklustre anaemic threadbare hackneyed banal vacuous puerile witless clunky cringeworthy
    dispiriting wearisome soporific torpid slapdash ramshackle rotten crummy tawdry garish shambolic
    toothless moribund jarring""",
    """spellbinding luminous mesmerising beguiling bewitching delectable stellar stupendous phenomenal
    peerless matchless wondrous ravishing scintillating sparkling superlative gratifying winsome
    disarming incisive perceptive transcendent majestic resplendent exemplary faultless impeccable
    unmissable exuberant sumptuous affecting stirring electrifying rousing""",
)
NEW_NOUNS = _opposites(
    "debacle stinker clunker abomination fizzle eyesore bungle botch",
    "stunner knockout sensation godsend showpiece pearl tonic wow",
)
NEW_VERBS = _opposites(
    "abominated lamented bemoaned begrudged deprecated disdained",
    "esteemed prized revered venerated extolled worshipped",
)

SENTIMENT: dict[str, Opposites] = {
    "adj": ADJECTIVES,
    "mild": GRADABLE,
    "noun": NOUNS,
    "verb": VERBS,
    "soft": SOFT_VERBS,
    "base": BASE_VERBS,
    "adv": ADVERBS,
    "best": SUPERLATIVES,
    "verdict": VERDICTS,
    "side": SIDES,
}
"""Sentiment words by kind, for every split."""

UNSEEN: dict[str, Opposites] = {"adj": NEW_ADJECTIVES, "noun": NEW_NOUNS, "verb": NEW_VERBS}
"""Synonyms by kind that no training text holds."""

SINGULAR = _words(
    """plot, story, script, score, ending, opening, soundtrack, cast, finale, first half, second half, last
    act, middle, setting, tone, atmosphere, pacing, editing, acting, directing, dialogue, music, humour,
    romance, photography, camera work, lighting, costume design, car chase, opening scene, closing
    scene, final shot, twist, narration, voice work, lead performance, supporting cast, wedding scene,
    court scene, train sequence, family drama, stunt work, sound design, title song, dance number,
    epilogue, prologue, duel, dream sequence, subplot, premise, structure, makeup, choreography,
    animation, set design, framing, scenery, storm scene, dinner scene, orchestra, storytelling, first
    act, second act, final hour, opening hour, farewell scene, rhythm, sound mixing"""
)
PLURAL = _words(
    """performances, visuals, jokes, songs, effects, costumes, sets, characters, action scenes, twists,
    fights, stunts, dances, landscapes, supporting roles, early scenes, late scenes, chase scenes,
    lines, monologues, flashbacks, crowd scenes, close shots, lead actors, puppets, miniatures, period
    details, battle scenes, kitchen scenes, sea scenes, night scenes, subplots, locations, interviews,
    backgrounds, child actors, side characters, disguises, sketches, mountain views, opening credits,
    dinner scenes, stage tricks"""
)

NEUTRAL: dict[str, tuple[str, ...]] = {
    "film": _words(
        """film movie picture film movie drama comedy thriller mystery western romance adventure musical
        sequel remake documentary epic feature"""
    ),
    "thing": SINGULAR[:10] + _words("villain, hero, heroine, twist, title song, chase, duel"),
    "not": _words("not, never, hardly, far from, anything but, by no means, not at all, in no way"),
    "very": _words(
        """utterly truly absolutely thoroughly remarkably deeply wholly incredibly really completely
        extremely enormously"""
    ),
    "slightly": _words("slightly, a little, mildly, faintly, a touch, a bit, somewhat, marginally"),
    "barely": _words("barely, scarcely, not very, not all that, not especially, not particularly"),
    "truly": _words("really truly thoroughly absolutely deeply utterly"),
    "mildly": _words("mildly slightly faintly somewhat"),
    "although": _words("although, though, even though, while"),
    "despite": _words("despite, in spite of, notwithstanding"),
    "but": _words("but, yet, but still, but then"),
    "made": _words("written acted directed filmed edited made staged shot paced"),
    "first": _words(
        """Nora Felix Ada Hugo Mira Oskar Lena Tobias Clara Anton Ines Rafael Greta Emil Paula Simon Yara
        Dario Hanna Leon Marta Victor Alma Jonas Edith Bruno Selma Caspar Olive Martin Ruth Ivan Stella
        Theo Nadia Milo Vera Otto Priya Samuel Ingrid Diego Celine Marek Fatima Noah Agnes Pavel Rosa
        Elias Tamsin Kofi"""
    ),
    "last": _words(
        """Bellweather Quill Marsh Lindqvist Okafor Hartmann Varga Delacroix Stone Petrov Moreau Castell
        Brandt Novak Ashby Falk Romero Tanaka Winter Holloway Keane Lund Ferrer Osei Pryce Weaver Dunn
        Sorel Baptiste Hale Almeida Becker Corrigan Duval Eklund Farrow Grant Haddad Ibsen Jansen Kovac
        Larkin Mendes Nyberg Ortiz Penrose Rourke Sato Thorne Ueda Wolff"""
    ),
    "name": ("{first} {last}",),
    "titleadj": _words(
        """Glass Paper Northern Hidden Second Crimson Copper Distant Seventh Winding Salt Velvet Midnight
        Linen Harbour Granite Summer Winter Amber Painted Marble Autumn Borrowed Eleventh Floating Iron
        Lower Mossy Narrow Outer Paved Scarlet Tin Upper Violet Walnut"""
    ),
    "titlenoun": _words(
        """Orchard Lantern Bridge Letter Compass Garden Station Harbour Mirror Staircase Violin Ferry
        Lighthouse Window Caravan Ledger Tower Meadow Island Atlas Anchor Balcony Cellar Door Envelope
        Fountain Greenhouse Kite Library Mill Needle Pavilion Quarry River Sundial Tunnel Valley Well"""
    ),
    "title": ("The {titleadj} {titlenoun}",),
    "person": _words(
        """my sister, my brother, my neighbour, my cousin, my aunt, my uncle, my flatmate, my teacher, a
        colleague, my father, my mother, an old friend, my grandfather, the man beside me"""
    ),
    "city": _words(
        """Lisbon Oslo Prague Dublin Turin Seville Ghent Bergen Kyoto Montreal Lima Tunis Vienna Leeds
        Porto Riga Geneva Havana Perth Boston Antwerp Bologna Cairo Denver Esbjerg Florence Glasgow
        Helsinki Istanbul Jakarta Krakow Lyon Malmo Naples Osaka Quito"""
    ),
    "day": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "month": _words("January February March April May June July August September October November December"),
    "number": _words("two three four five six seven eight nine ten eleven twelve"),
    "hours": _words("two three"),
    "decade": _words("thirties forties fifties sixties seventies eighties nineties"),
    "job": _words(
        """baker, sailor, painter, judge, nurse, farmer, pilot, teacher, clockmaker, gardener, reporter,
        detective, surgeon, miner, librarian, postman, violinist, cook, architect, engineer, tailor,
        mechanic, banker, shepherd, lawyer, chemist, translator, beekeeper, carpenter, astronomer,
        driver, clerk, dentist, weaver"""
    ),
    "snack": _words(
        """popcorn, coffee, tea, lemonade, a sandwich, an ice cream, some crisps, a bag of nuts, an apple,
        a pear, chocolate, a bowl of soup, pretzels, lemon cake, iced water, salted almonds, plum juice"""
    ),
    "room": _words(
        """the cinema on the corner, the town hall, the old theatre, hall two, the library, the museum, a
        tent, the school hall, the park, the gallery, an open courtyard"""
    ),
    "transport": _words("tram, bus, train, ferry, bicycle, coach"),
    "weather": _words("raining, snowing, windy, foggy, cloudy, sunny outside, getting dark"),
}
"""Neutral words by slot; an entry may hold slots itself."""
