r"""Patterns of personal data, by language: how people write about their lives, beyond what a name finder learns.

`\K` starts the match: what stands before it is context and is kept. `(?i:...)` marks what may be in any case; capitals
are evidence, so most patterns ask for them and leave lower-case names to the trained finder.
"""

from __future__ import annotations

WORD = r"[A-ZÀ-Þ][\w'’&-]*"
PHRASE = rf"{WORD}(?:[ \t]+(?:(?:of|the|and|&|for|de|del|la|las|los|y)[ \t]+){{0,2}}{WORD}){{0,4}}"
PERSON = rf"{WORD}(?:[ \t]+{WORD}){{0,2}}"
NUMBER = r"(?=(?:[A-Z/. -]{0,6}\d){3})[A-Z0-9]+(?:[-/. ]?(?=[A-Z]{0,4}\d|[A-Z]\b)[A-Z0-9]+)*"
"""Letters and at least three digits, in groups."""
UNITS = r"(?!\s*(?:years?|weeks?|months?|days?|hours?|minutes?|times|mgs?|ml|kgs?|lbs?|pounds|dollars|euros|%|años|meses|semanas|días|horas|veces))"

_AT = r"\s+at\s+|\s*[(\[]at[)\]]\s*|\s*-\s?at\s?-\s*|\s+arroba\s+"
_DOT = r"\s+dot\s+|\s*[(\[]dot[)\]]\s*|\s*-\s?dot\s?-\s*|\s+punto\s+"
_DIGIT = r"(?:oh|o|zero|nought|one|two|three|four|five|six|seven|eight|nine|hundred|(?:double|triple)[ -]?(?:oh|o|zero|one|two|three|four|five|six|seven|eight|nine)|\d+)"

ANY = {
    "EMAIL": [
        r"(?i)\b[\w.+-]+[ \t]?@[ \t]?[\w-]+(?:[ \t]?\.[ \t]?(?:[\w-]+\.)*[a-z]{2,8})\b",
        rf"(?i)\b[\w.+-]+(?:{_AT})[\w-]+(?:(?:{_DOT})[\w-]+)+\b",
    ],
    "URL": [
        r"(?i)\b(?:https?://|www\.)[^\s<>\"')]+[^\s<>\"').,;:!?]",
        r"(?i)\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|co\.uk|edu|gov|example|blog|me|info)(?:/[^\s<>\"')]*[\w/])?\b(?!@)",
        r"(?i)\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,4}/[\w./-]*\w",
    ],
    "HANDLE": [
        r"(?<![\w@.])@[A-Za-z0-9_](?:[\w.]*\w)?",
        r"(?<![\w/])u/[A-Za-z0-9_-]{3,}",
        r"(?i)\b(?:insta(?:gram)?|ig|snap(?:chat)?|tik\s?tok|discord|reddit|twitter|handle|user\s?name|usuario|gamertag|psn|steam|telegram|kik|twitch)(?:\s+(?:name|handle|account|id))?\s*(?:is|es|:|=|-|as|under|como)\s*\K(?=\w*[\d_.#])[\w.#-]{3,}\w",
        r"\b[A-Za-z][\w.]{2,}#\d{4}\b",
        r"(?<![\w{/.@])[a-z0-9]+(?:[._][a-z0-9]+)*_[a-z0-9_.]*[a-z0-9](?![\w}@])",
        r"(?i)\b(?:my|his|her|their|mi|su) (?:insta(?:gram)?|ig|snap(?:chat)?|tik\s?tok|discord|reddit|twitter|tumblr)(?: is|:)? \K[\w-]+(?:[._][\w-]+)+",
    ],
    "ID": [
        r"\b[A-Z]{2,5}-?\d{4,}(?:-[A-Z0-9]+)*\b",
        r"\b(?:\d{3}-\d{2}-\d{4}|\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})\b",
        r"\b(?:\d[ -]?){12,18}\d\b",
        r"\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-HJ-NPR-Z0-9]{17}\b",
        r"\b[A-Z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[A-D]\b",
        r"\b[A-Z]{2}\d{2}\s?[A-Z]{3}\b",
        r"\b[A-Z]{1,3}\d{6,}[A-Z]?\b",
        r"\b[A-Z]{4}\d{6}[A-Z0-9]{6,8}\b",
        r"(?i)\b(?:plates?|plate number|reg(?:istration)?|car|van|truck|[sš]koda|toyota|ford|honda|bmw|audi|matr[ií]cula|placas?)\b[^.!?\n]{0,25}?\b\K(?:[A-Z]{2,3}[ -]?\d{3,4}|\d{3,4}[ -]?[A-Z]{2,3})\b(?!\s*(?:km|miles|mph|am|pm))",
    ],
    "PHONE": [
        r"(?<![\w.,$£€/-])(?:\+\d{1,3}[ .-]?)?(?:\(0?\d{1,5}\)[ .-]?)?\d{2,5}(?:[ .-]\d{2,5}){1,4}(?![\w/-]|[.,]\d)",
        r"(?<![\w.,$£€/-])\+?\d{9,13}(?![\w/-]|[.,]\d)",
        r"(?<![\w.,$£€/-])(?=[ \dOo-]*[Oo])(?=(?:[ Oo-]*\d){6})[\dOo]{3,5}(?:[ -][\dOo]{2,5}){1,3}\b",
        rf"(?i)(?<![\w.,$£€/-]){_DIGIT}(?:[ -]{_DIGIT}){{2,}}\b(?![.,:]?\d|%)",
    ],
    "ZIP": [
        r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b",
        r"\b[ABCEGHJ-NPRSTVXY]\d[A-Z]\s?\d[A-Z]\d\b",
        r"\b\d{5}-\d{4}\b",
        r"(?m)^[>\s]*(?:[A-Z]{2}[ \t]+)?\K\d{5}[ \t]*$",
        r"(?i)\b(?:st|street|ave|avenue|blvd|rd|road|ct|court|ln|lane|dr|drive|way|apt\.?\s*\w+|unit\s*\w+|#\s*\w+),\s*\K\d{5}\b",
        r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])\.?,?\s+\K\d{5}\b",
        r"(?i)\b(?:zip|zip\s?code|post\s?code|postal(?:\s+code)?|c\.?\s?p\.?|c[óo]digo postal|eircode|pin\s?code)\s*(?:is|es|was|:|#)?\s*\K[A-Z0-9]{2,4}\s?[A-Z0-9]{2,4}\b",
    ],
    "DATE": [
        r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})|\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})|\d{1,2}-\d{1,2}-(?:\d{4}|\d{2}))\b",
        r"(?i)\b(?:on|since|until|till|by|born|dob|date|el|desde|hasta)[\s:]+\K(?:0?[1-9]|1[0-2]|[12]\d|3[01])[/.](?:0?[1-9]|1[0-2]|[12]\d|3[01])\b(?!\s*(?:split|chance|%|stars?))",
    ],
}  # fmt: skip

_MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    "|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_KIN = (
    "(?:sister|brother|mother|mum|mom|mam|dad|father|husband|wife|partner|boyfriend|girlfriend|fianc[ée]e?|daughter|son"
    "|cousin|friend|mate|boss|manager|supervisor|aunt(?:ie)?|uncle|niece|nephew|neighbou?r|roommate|flatmate"
    "|grand(?:mother|father|ma|pa|son|daughter)|nan|therapist|counsell?or|pastor|imam|rabbi|teacher|coach|landlord|ex|boy|girl|baby|kid|lad|housemate|colleague|coworker|nurse|tita|tito|caseworker|social worker|godson|goddaughter|sponsor|midwife|carer|stepson|stepdaughter|stepdad|stepmum|stepmom|twin)"
)
_STREET = "Street|St|Road|Raod|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Way|Place|Pl|Terrace|Crescent|Boulevard|Blvd|Row|Gardens|Mews|Parade|Square|Circle|Hwy|Highway|Trail|Grove|Wynd|Rise|Yard|Walk|Hill|Green|Quay|Loop|Alley|Park|Buildings"
_STREET_LOW = "street|st|road|raod|rd|avenue|ave|lane|drive|crescent|boulevard|blvd|terrace|wynd|parade|court|close|rise|mews|gardens|yard"
_FLAT = r"(?:,?\s+(?i:apt|apartment|flat|unit|#)\.?\s*\w+)?"
ENGLISH = {
    "DATE": [
        rf"(?i)(?<![\w-])(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH}\b(?:,?\s+\d{{4}}\b)?",
        r"(?i)(?<![\w-])(?:the\s+)?(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)\s+(?:of\s+)?(?:jan|feb|apr|aug|sep|oct|nov|dec)[a-z]{1,8}\b(?:,?\s+\d{4}\b)?",
        r"(?i)\b(?:jan|feb|apr|aug|sep|oct|nov|dec)[a-z]{2,8}\s+(?:19|20)\d{2}\b",
        rf"(?i)\b{_MONTH}\.?\s+(?:the\s+)?{_DAY}\b(?!\s*(?:years?|people|of us|mg))(?:,?\s+\d{{4}}\b)?",
        rf"(?i)\b{_MONTH},?\s+(?:of\s+)?(?:19|20)\d{{2}}\b",
    ],
    "PLACE": [
        rf"\b(?i:live[sd]?|living|moved?|moving|grew up|grown up|from|based|born|raised|back|house|home|flat|farm)\s+(?i:in|to|near|outside|at|around)\s+\K{PHRASE}",
        rf"\b{PHRASE}[ \t]+(?:Hospital|Clinic|Surgery|Infirmary|Medical Centre|Medical Center|Health Centre|Health Center|Crematorium|Shelter|Hostel|Care Home|Prison|Ward|Rehab|Hospice|Cemetery|Park|Bridge)\b",
    ],
    "CONGREGATION": [
        rf"\b{PHRASE}[ \t]+(?:Church|Mosque|Temple|Synagogue|Gurdwara|Chapel|Cathedral|Parish|Fellowship|Ministr(?:y|ies)|Tabernacle|Masjid|Kingdom Hall|Meeting House|Shul|Mandir|Abbey)\b",
        rf"\b(?:Masjid|Gurdwara|Temple|Beth|Our Lady)[ \t]+(?:of[ \t]+)?{PHRASE}",
    ],
    "ADDRESS": [
        rf"\b\d{{1,5}}(?:/\d+)?[a-zA-Z]?[ \t]+(?:{WORD}[ \t]+){{1,4}}(?i:{_STREET})\b\.?{_FLAT}",
        rf"(?i)\b\d{{1,5}}(?:/\d+)?[a-z]?[ \t]+(?!minutes?\b|hours?\b|days?\b|times?\b|years?\b|weeks?\b|months?\b|mg\b)(?:[a-z'’]+[ \t]+){{1,3}}(?:{_STREET_LOW})\b{_FLAT}",
        r"(?i)\b(?:apt|apartment|flat|suite)\.?\s*#?\d+[a-z]?\b",
        r"(?i)\bblk\.?\s*\d+\w?\s+[^.,\n]{3,40}?(?:#\d+-\d+|\d+\b)(?:\s*#\d+-\d+)?",
        rf"\b(?i:flat|apt|apartment|unit)\s+\w+,\s+\d{{1,5}}\s+(?:{WORD}\s+){{1,4}}{WORD}",
        r"(?i)\bP\.?\s?O\.?\s+box\s+\d+\b(?:,\s+(?-i:[A-Z][\w'’]+(?:\s+[A-Z][\w'’]+)*))?",
    ],
    "EMPLOYER": [
        rf"\b(?i:work(?:s|ed|ing)?|job|shifts?|employed|hired|fired|laid off|let go|intern(?:ed|ing)?)\s+(?i:at|for|by|with|from)\s+(?i:the\s+)?\K{PHRASE}",
        rf"\b{PHRASE},?[ \t]+(?:Inc|Ltd|LLC|GmbH|Logistics|Foods|Holdings|Solutions|Industries|Insurance|Partners|and Sons|& Sons|& Co|Group)\b\.?",
    ],
    "SCHOOL": [
        rf"\b{PHRASE}[ \t]+(?:University|College|School|Academy|High|Middle|Polytechnic|Poly|Elementary|Primary|Secondary|Nursery|Kindergarten|Institute|Uni|Prep|Grammar|Comprehensive|Sixth Form|Preschool|Daycare)(?:[ \t]+School)?\b",
        rf"\bUniversity\s+of\s+{PHRASE}",
    ],
    "ID": [
        rf"(?i)\b(?:id|number|no\.?|record|mrn|member(?:ship)?|licen[cs]e|policy|passport|case|account|acct|badge|ref(?:erence)?|claim|student|plate|vin|serial|imei|ssn|nhs|social|insurance|medicare|medicaid|chart|file|docket|visa|card|routing|sort code|log|customer|order|exp|insur[ea]nce)\b\.?(?:\s+(?:id|number|no\.?|num|ref|#|card|plate))?(?:\s+(?:ending|ends)(?:\s+in)?)?[\s#:]*(?:is|was)?[\s#:]*\K{NUMBER}\b{UNITS}",
    ],
    "AGE": [
        r"(?i)\b(?:9\d|1[01]\d)(?=[\s-]?(?:years?[\s-]old|yo\b|y/o|yrs?\b))",
        r"(?i)\b(?:aged|age|turn(?:ed|ing|s)|(?:mother|father|mum|mom|dad|nan|gran\w*|man|woman|lady|client|pt|patient) of|(?:is|was|at|am|i'?m|he'?s|she'?s|shes|hes)(?:\s+(?:now|nearly|almost|just))?)\s+\K(?:9\d|10\d|11\d)\b(?!\s*(?:%|percent|mg|pounds|lbs|kg|minutes|hours|days|weeks|months|miles|degrees|bpm|/|\d|[.,:]\d))",
        r"(?i)\bninety(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?\b(?!\s*(?:%|percent|per cent|mg|minutes|hours|days|seconds|miles|degrees|pounds))",
    ],
    "NAME": [
        r"\b(?!U\.S|U\.K|D\.C|P\.S|A\.A|N\.A|I\.V|E\.R|I\.D|P\.E|T\.V|E\.U|C\.P|G\.P|A\.M|P\.M|R\.N)(?:[A-Z]\.){2,3}(?![\w.])",
        rf"\b(?i:my name(?:'s|’s| is)|my names|i am called|i'm called|call me|signed|name is|named|called|goes by)\s*,?\s+\K{PERSON}",
        r"(?i)\b(?:my name(?:'s|’s| is)|my names|name's|call me)\s+\K(?!not\b|so\b|the\b|a\b|back\b|when\b|if\b|and\b|on\b|in\b|for\b|out\b|at\b|crazy\b|names\b|every\b|again\b|later\b|by\b|it\b|to\b|selfish\b|lazy\b|dramatic\b|weak\b|stupid\b|anything\b|old\b)[a-zà-ÿ][\w'’-]+",
        rf"\b(?i:(?:my|our|her|his|their)\s+(?:\w+\s+)?{_KIN}(?:'s name is|’s name is|,?\s+(?:is\s+)?(?:called|named))?)\s*,?\s+\K{PERSON}",
        rf"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Pastor|Father|Sister|Brother|Rabbi|Imam|Coach|Auntie|Aunty|Aunt|Uncle|Nurse|Sgt|Officer|Reverend|Rev|Fr|Sr|Deacon|Elder)\.?\s+\K{PERSON}",
        rf"(?:^|\n|[.!?]\s)[ \t]*(?:[-—–~]+|(?i:thanks|thank you|love|cheers|best|regards|yours|sincerely|xx?|from|take care|warmly),?)[ \t]*\n?[ \t]*\K{PERSON}(?=\s*[.x!]*\s*$)",
    ],
}  # fmt: skip

_MES = "(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre)"
_FAMILIA = (
    "(?:herman[ao]|madre|mamá|mami|padre|papá|papi|marido|esposo|esposa|mujer|pareja|novio|novia|hij[ao]|prim[ao]|amig[ao]|jef[ea]"
    "|tí[ao]|sobrin[ao]|vecin[ao]|abuel[ao]|niet[ao]|terapeuta|psicólog[ao]|pastor|profesora?|maestr[ao]|compañer[ao]|cuñad[ao]|suegr[ao]|ex|bebé|niñ[ao]|nena|nene|madrina|padrino|comadre|compadre|doctora?)"
)
SPANISH = {
    "DATE": [
        rf"(?i)\b(?:3[01]|[12]\d|0?[1-9]|primero|1º)\s+de\s+{_MES}(?:\s+(?:de|del)\s+\d{{4}})?\b",
        rf"(?i)\b{_MES}\s+(?:de|del)\s+(?:19|20)\d{{2}}\b",
    ],
    "PLACE": [
        rf"\b(?i:viv[oíe]\w*|mud\w+|nac[ií]\w*|crec[ií]\w*|soy|barrio|pueblo|colonia|vereda)\s+(?i:en|a|de|cerca de|desde)\s+(?i:el |la |los |las )?\K{PHRASE}",
        rf"\b(?:Hospital|Clínica|Centro de Salud|Residencia|Albergue|Sanatorio|Consultorio|CSM|CESFAM|Calle|Avenida|Plaza|Paseo|Colonia|Barrio|Parque|Geriátrico|Penal|Cárcel|Cementerio|Ambulatorio|CAP)[ \t]+(?:(?:de|del|la|el|los|las)[ \t]+){{0,2}}{PHRASE}",
    ],
    "CONGREGATION": [
        rf"\b(?:Iglesia|Parroquia|Templo|Mezquita|Sinagoga|Capilla|Catedral|Congregación|Comunidad|Ministerio)[ \t]+(?:(?:de|del|la|el|los|las)[ \t]+){{0,2}}{PHRASE}"
    ],
    "ADDRESS": [
        rf"\b(?i:calle|c/|jir[óo]n|jr\.?|avenida|av\.?|avda\.?|paseo|plaza|carrera|cra\.?|camino|rúa|carretera|pasaje|calzada)\s+(?:(?:de|del|la|el|los|las)\s+){{0,2}}{PHRASE}\s*,?\s*(?:n[úu]mero|n[º°.]|#|num\.?)?\s*\d{{1,5}}(?:\s*-\s*\d+)*(?:,?\s*(?:int\.?\s*\w+|\d+[º°ª]\s*\w?|piso\s+\w+|depto\.?\s*\w+|dpto\.?\s*\w+))?",
        r"(?i)\b(?:cra|carrera|cl|calle|kra|kr|diagonal|transversal|av)\.?\s+\d+\s?[a-z]?\s*(?:#|n[º°o.]+|-)\s*\d+\s?[a-z]?(?:\s?-\s?\d+)?",
    ],
    "EMPLOYER": [rf"\b(?i:trabaj\w+|empleo|turno|contrat\w+|despid\w+|ech\w+)\s+(?i:en|para|de|con)\s+(?i:el |la |los |las )?\K{PHRASE}"],
    "SCHOOL": [
        rf"\b(?:Colegio|Escuela|Instituto|Universidad|Liceo|Facultad|Guardería|Academia|Preparatoria|Prepa|Secundaria|IES|CEIP|Jardín|Normal)[ \t]+(?:(?:de|del|la|el|los|las)[ \t]+){{0,2}}{PHRASE}"
    ],
    "ID": [
        rf"(?i)\b(?:dni|nie|nif|curp|rfc|c[ée]dula|pasaporte|expediente|historia(?: cl[íi]nica)?|p[óo]liza|cuenta|matr[íi]cula|n[úu]mero|tarjeta|afiliaci[óo]n|seguridad social|nss|cuil|cuit|rut|carnet|caso|folio|exp|placas?)\b\.?(?:\s+(?:de|del|es|n[úu]mero|n[º°.]))*[\s#:]*\K{NUMBER}\b{UNITS}",
        r"\b\d{8}-?[A-HJ-NP-TV-Z]\b",
        r"\b[XYZ]-?\d{7}-?[A-Z]\b",
    ],
    "AGE": [
        r"(?i)\b(?:9\d|1[01]\d)(?=\s+a[ñn]i?os\b)",
        r"(?i)\b(?:tiene|tengo|cumpl\w+|de|con)\s+(?:ya\s+)?\K9\d(?=\s*(?:y\b|[,.!?]|$))",
        r"(?i)\bnoventa(?:\s+y\s+(?:uno|un|dos|tres|cuatro|cinco|seis|siete|ocho|nueve))?(?=\s+años\b)",
    ],
    "NAME": [
        rf"\b(?i:me llamo|mi nombre es|se llama(?:ba)?|soy|de nombre|ll[áa]m[ae]me|me dicen|firmado)\s*,?\s+\K{PERSON}",
        r"(?i)\b(?:me llamo|mi nombre es|se llama(?:ba)?|me dicen)\s+\K(?!así\b|mucho\b|la\b|el\b|que\b|a\b|por\b|al\b|loc[ao]\b|como\b|cómo\b|para\b|siempre\b)[a-zà-ÿ][\w'’-]+",
        rf"\b(?i:(?:mi|tu|su|nuestr[ao])\s+(?:\w+\s+)?{_FAMILIA})\s*,?\s+\K{PERSON}",
        rf"\b(?:Sr|Sra|Srta|Dr|Dra|Don|Doña|Padre|Hermana|Pastora?|Tía|Tío|Lic|Profe|Seño|Abuela|Abuelo)\.?\s+\K{PERSON}",
        rf"(?:^|\n|[.!?]\s)[ \t]*(?:[-—–~]+|(?i:gracias|saludos|un abrazo|besos|atentamente|con cariño),?)[ \t]*\n?[ \t]*\K{PERSON}(?=\s*[.x!]*\s*$)",
    ],
}  # fmt: skip


def patterns(language: str) -> dict[str, list[str]]:
    """Type to patterns, those of every language first."""
    own = {"en": ENGLISH, "es": SPANISH}.get(language, {})
    return {kind: [*ANY.get(kind, []), *own.get(kind, [])] for kind in {**ANY, **own}}
