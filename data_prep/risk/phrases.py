"""The phrases behind the rarity cues: for each cue its patterns, any of which is enough. Case does not count, save in names."""

from __future__ import annotations

import re

_EVERYDAY = (
    "thing|things|way|ways|reason|reasons|time|times|one (?:i|who|that)|person (?:i|who|that)|people (?:i|who|that)|option|options"
    "|problem|problems|issue|part|parts|difference|place|places|friend|friends|choice|solution|answer|answers|question|step|steps"
    "|day|days|night|nights|week|weeks|month|months|year|years|date|dates|few|couple|session|sessions|thought|thoughts|half|two"
    "|three|four|five|line|sign|signs|point|love|bit|boyfriend|girlfriend|kiss|exception|hope|comfort|explanation|word|words"
    "|conclusion|feeling|moment|hour|minute|job|other|light|husband|wife|marriage|relationship|visit|appointment|meeting"
    "|trimester|name|stage|stages|responder|responders|aid"
)
"""What is `the only` or `the first` in anyone's life."""
_KIN = "of|child|kid|son|daughter|sister|brother|sibling"
_SOME = r"(?:[\w'’-]+ ){1,5}"
_WHERE = r"(?:in|at|on|from|of|within|across) (?:the|our|my|this|that|her|his|their|an?|all|(?-i:[A-Z]))"
_OFFICE = (
    r"mayor|senator|congress(?:man|woman|member)|governor|ambassador|sheriff|police chief|chief of police|fire chief|bishop|archbishop"
    r"|cardinal|head ?teacher|headmaster|headmistress|superintendent|dean(?= of)|provost|(?:vice[- ])?chancellor|chief justice|consul"
    r"|prime minister|minister of \w+|(?:vice )?president|first lady|ceo|chief executive|head coach|team captain|valedictorian"
    r"|salutatorian|prom queen|homecoming queen|student body president|poet laureate|surgeon general|astronaut|admiral"
    r"|general manager|principal|party leader|union leader|town clerk|district attorney|attorney general|chief of staff|head of state"
)
_DISASTER = (
    "shooting|bombing|attack|massacre|earthquake|hurricane|tornado|floods?|wildfire|fire|crash|derailment|explosion|avalanche"
    "|tsunami|stampede|siege|hijacking|shipwreck"
)
_SCENE = "church|school|mosque|synagogue|temple|mall|club|concert|town|village|factory|mine|marathon|parade|office"
_MANY = "seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|1[0-9]|[7-9]"

_CUES: dict[str, tuple[str, ...]] = {
    "only": (
        rf"\b(?:the|an?|my|our) only (?!(?:{_EVERYDAY})\b){_SOME}(?=(?:in|at|on|who|to|ever|of) )",
        r"\bonly (?:one|person|woman|man|girl|boy|kid|student|family) (?:in|at|on|of|from) (?:my|our|the|this|all)\b",
        r"\bonly (?:female|male|black|white|asian|gay|trans|deaf|blind|muslim|jewish|hindu|sikh) \w+ (?:in|at|on)\b",
        r"\b(?:sole|only) survivor\b|\bonly one who (?:survived|lived|made it)\b",
    ),
    "first": (
        rf"\b(?:the|my|our|its|their)(?: \w+['’]s)? (?:very )?(?:first|1st)(?:[- ]ever)? (?!(?:{_EVERYDAY})\b){_SOME}"
        r"(?=(?:in|at|on|to|from|of|ever|who) )",
        r"\b(?:was|am|i'm|became|be|being|is) the first (?:ever )?(?:to|in|from|of)\b",
        r"\bfirst (?:one |person )?in (?:my|our|the) (?:whole |entire )?(?:family|school|town|village|state|county|country|company|history)\b",
    ),
    "superlative": (
        r"\b(?:the|its|our|their|world's|country's|state's|nation's)(?: \w+['’]s)? (?:youngest|oldest|tallest|fastest|largest|smallest"
        r"|highest|longest|biggest|richest|most \w+|best[- ]known|top|longest[- ]serving|highest[- ]ranking)"
        rf" (?!(?:{_KIN}|{_EVERYDAY})\b){_SOME}?(?={_WHERE}|ever\b|to\b)",
        r"\b(?:youngest|oldest) (?:ever|person|woman|man|student|officer|player|employee|member|mayor|judge|partner) (?:in|at|on|of|to)\b",
        r"\b(?:world|national|state|olympic|european|commonwealth) (?:champion|record|medal(?:l?ist)?|finalist|gold)\b|\brecord[- ]holder\b",
    ),
    "office": (
        r"\b(?:i'm|i am|i was|is|was|became|elected|appointed|serve[sd]? as|serving as|ran for|running for|as|our|my \w+,?|who's) "
        r"(?:just |now |once |re-?elected |elected |appointed |named )?(?:the |our |an? )?(?:\w+ )?"
        rf"(?:{_OFFICE})\b(?=,? (?:of|in|at|for|when|and|until|here)\b|['’]s|[.,;!?)]|\s*$)",
    ),
    "news": (
        r"\b(?:was|were|been|be|being|got|made|ended up|put|featured|appeared|it's|is|am|are|i'm|all|story|case|name|face|photo|picture) "
        r"(?:\w+ ){0,3}?(?:in|on|all over|over) (?:the |our |every )?(?:\w+ )?"
        r"(?:news|newspapers?|papers?|headlines|front page|tv|television|radio|internet|tabloids)\b",
        r"\bmade (?:the )?(?:local |national |international |front[- ]page )?(?:news|headlines)\b|\b(?:went|gone|going) viral\b",
        r"\b(?:reporters?|journalists?|news crews?|paparazzi|tv crews?) "
        r"(?:came|called|calls|call|asked|wrote|showed up|follow\w*|outside|camped|keep|kept|were)\b",
        r"\b(?:interviewed|documentary|article|book|film|podcast|episode) (?:on|by|about) (?:me|us|my|our|what happened)\b",
    ),
    "public-event": (
        rf"\b(?:the|a) (?:(?!panic|heart|anxiety|asthma)\w+ ){{0,3}}?(?:{_DISASTER})(?: \w+)? (?:of|in|at|on|from|back in) "
        rf"(?:the |our |my )?(?:(?:19|20)\d\d|(?-i:[A-Z])|{_SCENE})",
        r"\b(?:hurricane|cyclone|typhoon|storm) (?-i:[A-Z])\w+|\b9/11\b|\bcamp survivor\b",
    ),
    "public-work": (
        r"\bi (?:\w+ )?(?:founded|invented|discovered|patented|coined|co-?founded|choreographed)\b",
        r"\bmy (?:\w+ )?(?:memoir|bestseller|best-selling \w+|published \w+|debut \w+|youtube channel|podcast|tv show|patent|tedx? talk)\b",
        r"\b(?:author|inventor|founder|co-?founder) of\b|\bi (?:hosted?|anchor(?:ed)?|starred|star) (?:an?|the|in|on)\b",
    ),
    "rare-family": (
        r"\b(?:triplets?|quadruplets?|quintuplets?|sextuplets?|conjoined)\b|\bswitched at birth\b|\braised by (?:nuns|monks)\b",
        r"\b(?:(?:mother|father|mom|mum|dad|parent) (?:of|to)|(?:one|oldest|eldest|youngest) of|have) "
        rf"(?:{_MANY})(?: (?:kids|children|siblings|brothers|sisters|sons|daughters)\b|(?=[.,;!?]|$))",
    ),
    "rare-condition": (
        r"\b(?:only|fewer than|less than|about|just) (?:an? |one |two |\w+ )?(?:handful|dozen|hundred|thousand|\d[\d,]*) "
        r"(?:people|cases|patients|families) (?:in|world|on|have|ever|with)\b",
        r"\bone in (?:a|ten|\d+) (?:million|hundred thousand|billion)\b",
        r"\brare (?:\w+ )?(?:disease|disorder|condition|syndrome|cancer|mutation|genetic \w+)\b",
    ),
}
PATTERNS = {name: re.compile("|".join(patterns), re.IGNORECASE) for name, patterns in _CUES.items()}
"""Cue to what shows it."""
