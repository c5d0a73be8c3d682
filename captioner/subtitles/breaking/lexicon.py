"""The words of French that decide where a line may end.

Elided words stand in full: ``l'`` is ``le``, ``qu'`` is ``que``, ``d'`` is ``de``.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("le la les un une des du au aux")
DETERMINERS = ARTICLES | _words(
    "ce cet cette ces mon ton son ma ta sa mes tes ses notre votre leur nos vos leurs "
    "quel quelle quels quelles chaque plusieurs quelques quelque aucun aucune nul nulle "
    "certains certaines divers diverses différents différentes"
)
PLURALS = _words(
    "les des aux ces mes tes ses nos vos leurs quels quelles plusieurs quelques certains certaines"
)
DE = _words("de du des")
PREPOSITIONS = _words(
    "à au aux en dans par pour sur sous avec sans chez vers pendant depuis selon malgré parmi "
    "entre contre dès hors de du des sauf envers durant avant après devant derrière outre hormis "
    "jusque via versus moyennant concernant excepté suivant"
)
COORDINATORS = _words("et ou mais ni car or puis")
SUBORDINATORS = _words(
    "que qui quand lorsque puisque quoique si comme dont où quoi parce tandis sinon"
)
SUBJECTS = _words("je tu il elle on ils elles")
CLITICS = _words("nous vous me te se lui y")  # nous and vous are subjects as well
OBJECTS = CLITICS | _words("le la les leur en")
STRESSED = _words("nous vous elle elles lui")  # after a preposition they hold nothing
NEGATIONS = _words("pas plus jamais rien point guère aucun aucune personne nullement")
DEGREES = _words("très trop si")  # of an adjective or adverb
SOME = _words("tout toute tous toutes")
DEMONSTRATIVES = _words("cela ça ceci")

# Held to what follows whatever it is, a mark of punctuation excepted.
HOLDERS = (
    DETERMINERS
    | DE
    | PREPOSITIONS
    | COORDINATORS
    | SUBORDINATORS
    | SUBJECTS
    | CLITICS
    | DEGREES
    | _words("ne celui celle ceux celles")
)

FUNCTION_WORDS = HOLDERS | NEGATIONS | SOME | DEMONSTRATIVES

AUXILIARIES = _words(
    "ai as a avons avez ont avais avait avions aviez avaient eus eut eurent aurai auras aura "
    "aurons aurez auront aurais aurait aurions auriez auraient aie aies ait ayons ayez aient "
    "eût avoir ayant eu "
    "suis es est sommes êtes sont étais était étions étiez étaient fus fut fûmes furent serai "
    "seras sera serons serez seront serais serait serions seriez seraient sois soit soyons soyez "
    "soient fût fussions être étant été"
)
# Between an auxiliary and its participle.
ADVERBS = NEGATIONS | _words(
    "déjà toujours encore bien mal tout tous toutes toute très trop beaucoup peu assez aussi "
    "souvent enfin ainsi même vite presque donc plutôt tant moins mieux parfois pourtant ensuite "
    "cependant également surtout alors"
)
MODALS = _words(
    "peux peut pouvons pouvez peuvent pouvais pouvait pouvions pouviez pouvaient pourrai pourras "
    "pourra pourrons pourrez pourront pourrais pourrait pourrions pourriez pourraient puisse "
    "puissent puissions puissiez pouvoir pu "
    "dois doit devons devez doivent devais devait devions deviez devaient devrai devra devrons "
    "devrez devront devrais devrait devrions devriez devraient devoir dû "
    "veux veut voulons voulez veulent voulais voulait voulions vouliez voulaient voudrai voudra "
    "voudrais voudrait voudrions voudriez voudraient vouloir voulu "
    "faut fallait faudra faudrait falloir fallu vais vas va allons allez vont allais allait "
    "allions alliez allaient aller fais fait faisons faites font ferai fera ferons feront ferait "
    "faire laisse laissent laisser sait savons savez savent vient viens venons venez viennent "
    "venait ose osent semble semblent préfère préférons souhaite souhaitons souhaitez souhaitent "
    "compte comptons espère espérons dut durent put purent voulut voulurent fallut sut surent alla "
    "allèrent fit firent laissa vint vinrent"
)

LINKS = PREPOSITIONS | COORDINATORS
KNOWN = FUNCTION_WORDS | AUXILIARIES | MODALS  # no nouns

# Holders that are nouns after an article: "le son", "le pour et le contre".
NOUNS_TOO = _words("son ton pour contre avant après devant derrière car or point sous vers si")
ARTICLES_OF_NOUNS = _words("le la les un du au ce leur notre votre bon")
# They end with a holder that holds nothing.
ADVERBIALS = frozenset(
    (first, last)
    for first, last in (
        *(("par", "contre"), ("en", "plus"), ("de", "plus"), ("non", "plus"), ("au", "plus")),
        *(("et", "après"), ("peu", "après"), ("jour", "avant")),
    )
)

FAIRE = _words("faire fais fait faisons faites font faisait fera feront ferons prendre mettre")

_PREPOSED_STEMS = (
    "grand petit bon bonne mauvais beau bel belle nouveau nouvel nouvelle vieux vieil vieille "
    "jeune gros grosse long longue haut bas basse premier première dernier dernière prochain "
    "autre même seul ancien ancienne futur excellent véritable simple double moindre meilleur "
    "pire principal principaux propre faible fort large vaste nombreux nombreuse énième second "
    "joli léger légère grave triste vrai faux fausse brave cher chère pauvre plein réel actuel "
    "demi tel telle unique immense éventuel bref brève rare"
)
PREPOSED = frozenset(
    word + ending for word in _PREPOSED_STEMS.split() for ending in ("", "e", "s", "es", "x")
)

NUMBERS = _words(
    "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt "
    "vingts trente quarante cinquante soixante septante huitante nonante cent cents mille million "
    "millions milliard milliards"
)
# An adjective after them precedes its noun.
ANNOUNCING = DETERMINERS | DE | NUMBERS | PREPOSED | DEGREES | _words("plus moins")

QUANTITIES = _words(
    "million millions milliard milliards millier milliers dizaine dizaines douzaine quinzaine "
    "vingtaine trentaine quarantaine cinquantaine centaine centaines"
)
MONTHS = _words(
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
)
WEEKDAYS = _words("lundi mardi mercredi jeudi vendredi samedi dimanche")
CLOCK = _words("h heure heures minute minutes min")
# What a number, a letter or a Roman numeral comes after.
REFERENCES = _words(
    "article articles alinéa page pages chapitre titre annexe annexes numéro n° § paragraphe "
    "section lot phase version étape point points niveau salle bureau porte ligne décret loi "
    "amendement axe tome volume livre figure tableau option scénario plan groupe tranche "
    "arrondissement ligne quai voie classe catégorie art al p chap fig vol ann"
)

NUMBERED = REFERENCES | WEEKDAYS | CLOCK  # a figure after them is theirs

TITLES = _words(
    "m. mm. mme mmes mlle mlles dr pr me mgr monsieur messieurs madame mesdames mademoiselle "
    "docteur professeur maître"
)
ROLES = TITLES | _words(
    "président présidente vice-président vice-présidente ministre directeur directrice préfet "
    "préfète sous-préfet maire adjoint adjointe conseiller conseillère commissaire secrétaire "
    "sénateur sénatrice député députée rapporteur rapporteure recteur rectrice ambassadeur "
    "ambassadrice général colonel commandant capitaine juge procureur procureure avocat avocate "
    "collègue camarade chancelier chancelière gouverneur roi reine prince princesse pape saint "
    "sainte inspecteur inspectrice chef rue avenue place boulevard société entreprise mairie "
    "tante oncle marquis comte"
)
PARTICLES = _words("de du des von van der den di da ben bin el al")

ABBREVIATIONS = _words(
    "m. mm. art. al. p. pp. chap. fig. vol. ann. cf. ex. env. av. apr. st. ste. l. r. d. dir. réf."
)

EXPRESSIONS = (
    "tout de suite",
    "tout à fait",
    "tout à l'heure",
    "tout le monde",
    "tout au long de",
    "tout d'abord",
    "tout de même",
    "ordre du jour",
    "compte rendu",
    "comptes rendus",
    "mise en œuvre",
    "mise en place",
    "mise à jour",
    "prise en compte",
    "prise en charge",
    "point de vue",
    "afin de",
    "afin que",
    "parce que",
    "alors que",
    "tandis que",
    "bien que",
    "bien sûr",
    "bien des",
    "bien entendu",
    "ainsi que",
    "lors de",
    "au lieu de",
    "à cause de",
    "grâce à",
    "en train de",
    "en cours de",
    "en raison de",
    "en cas de",
    "en termes de",
    "en fonction de",
    "en matière de",
    "en ce qui concerne",
    "au sein de",
    "au cours de",
    "au bout de",
    "au niveau de",
    "au-delà de",
    "à partir de",
    "à travers",
    "à côté de",
    "le long de",
    "par rapport à",
    "par exemple",
    "pour cent",
    "près de",
    "auprès de",
    "autour de",
    "au milieu de",
    "du côté de",
    "au-dessus de",
    "au-dessous de",
    "en face de",
    "à propos de",
    "à l'égard de",
    "hors de",
    "y compris",
    "quelque chose de",
    "loin de",
    "quant à",
    "face à",
    "suite à",
    "au moins",
    "au plus",
    "au revoir",
    "en fait",
    "en effet",
    "en revanche",
    "beaucoup de",
    "combien de",
    "plus de",
    "moins de",
    "trop de",
    "assez de",
    "peu de",
    "un peu",
    "tant de",
    "autant de",
    "autant que",
    "tant que",
    "pas du tout",
    "pas encore",
    "pas non plus",
    "non plus",
    "peut être",
    "est-ce que",
    "est-ce qui",
    "est ce que",
    "s'il vous plaît",
    "s'il te plaît",
    "il y a",
    "y a-t-il",
    "et demie",
    "et demi",
    "et quart",
    "moins le quart",
    "avoir lieu",
    "a lieu",
    "ont lieu",
    "aura lieu",
    "avoir besoin",
    "a besoin",
    "ont besoin",
    "avons besoin",
    "avez besoin",
    "entrer en vigueur",
    "entre en vigueur",
    "entrera en vigueur",
    "faire le point",
    "faire partie",
    "à la fois",
    "de plus en plus",
    "de moins en moins",
    "au fur et à mesure",
    "c'est-à-dire que",
    "celui qui",
    "celle qui",
    "ceux qui",
    "vis-à-vis de",
    "chef de cabinet",
    "grandeur nature",
    "même si",
    "à la longue",
)

PARTICIPLE = re.compile(r".+(?:é|i|u|û|is|it|ert|eint|aint|oint)(?:e|s|es)?$")
NO_PARTICIPLES = _words(
    "ici aussi ainsi parmi aujourd'hui puis depuis jamais mais oui celui lui qui du au une joli "
    "jolie poli vraie plus tout tous toute tu nu moins vis pis ni si y ce cette cet faut peu peut "
    "veut dessus dessous midi minuit samedi lundi mardi mercredi jeudi vendredi abri parti pays "
    "mois bois fois trois dis lis moi toi soi loi roi quoi huit nuit droit endroit"
) - _words("parti")
INFINITIVE = re.compile(r"\w{2,}(?:er|ir|re|oir)$")
NO_INFINITIVES = _words(
    "hier cher mer fer hiver janvier février premier dernier papier métier quartier dossier "
    "courrier calendrier chantier financier particulier notre votre autre quatre contre entre "
    "titre ministre centre lettre chiffre chambre membre nombre novembre septembre octobre "
    "décembre ordre cadre livre libre maire affaire salaire soir espoir avenir plaisir désir "
    "loisir air terre guerre heure mesure procédure culture nature facture préfecture histoire "
    "mémoire territoire victoire gloire tour jour cœur père mère frère genre théâtre mètre"
)
