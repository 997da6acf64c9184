"""Word lists of codes such as ``curious-pineapple``.

The rule: a word is 3 to 12 letters a-z and fit to be mailed to any customer, and a code read without its dash
still has exactly one adjective and one noun in it.  The words are those of the wonderwords and coolname
packages; this file lists only the ones that are left out.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_SHAPE = re.compile(r"[a-z]{3,12}")

# No adjective that judges, invites or promises: whatever noun follows, a customer may take it personally, and
# "free" is an offer.
_UNWELCOME_ADJECTIVES = """
aback abaft abandoned abashed aberrant abhorrent abject abnormal aboard aboriginal abortive abrasive absurd
afraid agonizing alike alive alleged alluring amuck angelic angry annoyed annoying anxious apathetic arrogant
ashamed awful bad bald barbarous bawdy belligerent berserk bewildered bitter bizarre black blond boorish bored
boring brash brawny broken brown bulky burly burrowing calculating callous capricious casual cherubic chubby
chunky clammy cloistered clumsy combative condemned confused cowardly crabby crafty craven crazy creepy
crooked crouching cruel cunning curvy cynical daffy daft damaged damaging damp dangerous dark dead deeply
defeated defective demonic depressed deranged deserted devilish devious devout direful dirty disagreeable
disgusted dispensable disturbed dizzy domineering doubtful drab drunk dull ebony elderly embarrassed empty
envious erect erratic evasive evil excited exotic expensive fallacious fanatic fanatical fat faulty feigned
fertile few filthy finicky flagrant flaky flippant foolish foregoing forgetful frail frantic free freezing
fretful frightened furious furtive gabby gamy gaping garrulous gaudy gay girlish glib godlike godly goofy
greasy greedy grieving grotesque grouchy grubby gruesome grumpy guiltless gullible guttural hairy half
hallowed halting handsomely hapless hard harsh hasty heady heavenly heavy hellish helpless heretic hesitant
high hissing homeless homely horrible hot hulking humdrum hurt husky hysterical icky idiotic ignorant ill
illegal immortal imperfect imperious impetuous imposing impossible incompetent inconclusive infrared innocent
irate itchy jaded jealous jobless juvenile kaput kickass labored lacking lamentable languid late laughable
lazy lean lethal lewd liberal lonely longing loose loutish low lowly ludicrous lumpy lurking lying macabre
macho maddening madly malicious maniacal manipulative many married mature measly meaty meek merciful mere
messy military mindless minor miraculous miscreant moaning moldy muddled muscular mute naive nappy nasty
native naughty nauseating needless needy nervous nondescript nosy notorious noxious null nutty oafish obedient
obeisant obnoxious obscene obsequious obsolete odd old omniscient onerous orthodox ossified outrageous
overrated overwrought painful panicky parched parsimonious passionate pathetic penitent petite phobic picayune
pointless political pompous poor possessive primitive prophetic provocative pumped puny quack quarrelsome
questionable rabid radical ragged raspy ratty rebellious redundant relieved repulsive ripe rotten ruddy
ruthless sable sad sarcastic sassy scandalous scary sceptical scrawny secretive selfish shaky shallow
shapeless shivering shocking silly skinny slick slim slimy sloppy sly smelly smoggy sneaky snobbish snotty
soggy sordid sore spiked spiritual spurious squalid squealing squeamish staking stale stereotyped sticky
stimulating stingy strange stupid sulky swinging symptomatic taboo tacky tan tart tasteless tawdry tearful
teeny tentacled terrible testy therapeutic thick thoughtless threatening tight tightfisted tired tiresome
torpid trashy trite troubled truculent tuscan ugliest ugly unable unadvised unarmed unbecoming uncovered
undesirable uninterested unnatural unsightly unsuitable uppish uppity upset uptight used vacuous vagabond
vague vegan vengeful venomous voiceless vulgar wacky wanting warlike wasteful weary wee wet white wicked
willing wine woebegone womanly woozy worried worthless wrathful wretched wrong yellow young zonked
""".split()

# No noun of violence, death, disease, the body, sex, drink, drugs, crime, faith, politics, origin or failure.
_UNWELCOME_NOUNS = """
abbey abdomen abolishment accident acid adder adrenalin adult adulthood advent affair afoul afterlife
aftermath aftershave aftershock agony agouti aide alarm ale alien almighty altar amazon amnesty ancestor angel
anger angina angiosperm anguish ankle antibody antigen anxiety anybody anyone anything anywhere ape aperitif
apology appendix armament armpit army arrest artery ash ashram ashtray asp avalanche babe baboon babushka baby
bachelor backburn bacterium bafflement baggy bail bait ban bandanna bandolier bankruptcy bar barracks
barracuda barrage barstool bartender bath bather bathhouse bathrobe bathroom bathtub battle battleship beast
beastie beating beaver beck bed bedroom beer beggar beheading behest being belief believer belligerency belly
bet beyond bias bidet bikini biopsy birth bit bite bitten bitter black bladder blame blight blind blinker
blister bloomer boa body bog bonding bondsman bone bonobo boobook booby boogeyman bore bosom bother bottom
boudoir bourgeoisie bout boy boycott boyfriend boyhood bra brain brandy brassiere breakdown brewer bribery
bride briefly briefs brood brow brown buck bug bull bullet bump bun burden burglar burial burlesque burn
burning bush bust bustard butane butcher cage calf campaign cancer candidate cannibal cannon canon captor
capuchin carboxyl cartel cartilage casino casket cassock casualty catacomb catastrophe cathedral causal cell
cemetery cenotaph centipede cesspool chafe chalice champagne chaos chap chapel chaplain charlatan chasuble
cheek chest chick chimpanzee chin choker cholesterol chub church circadian clam clavicle cleavage clergyman
cleric clogs cloister coati cob cobra codon codpiece coffin coke cold collapse combat commandment communicant
complaint compress comradeship con conflict congo congressman conservative conspiracy conspirator coonskin
coot cop corps cougar cough cow crack cracker crackers cranky crash craw crazy creature creche crime criminal
critic crook cross crotch croup crude cruelty crusader crush cry curse cuscus custody cut cuticle cyclone
cynic cyst cytokine dad daddy dagger dam damage dame danger dark darn dead deadline dealer dealing debate
debris debt debtor decline decongestant deduce default defeat defendant deficit delay democrat demon demur
dependency dependent depressive destroyer detainee detainment devil diabetes diaper diaphragm dictator die
diet difficulty diffuse dig digestive dipstick dirt divalent divine divorce dodo doggie doing dolor donkey
dose doubt doubter downfall downgrade downstairs downtown downturn drag drain drainage drink drinking drudgery
drunk dud dude due duel dueling dugong dump dungeon dwarf dwell dynamite eardrum earthquake earwig
eavesdropper ecclesia ectodermal egghead eggnog ego ejector elephant elicit emanate embryo emergency emitter
encirclement endothelium enemy envy epithelium error escape estrogen eve everybody everyone everything evil
excess executive executor exhaust exile expose exposure extreme eye eyeball eyelid eyelids eyestrain facelift
fail failure fairy faith faithful fall fallacy fang fascia fat fate father fatigue fatigues fault fear feeling
felony female fertilizer fetus few fibroblast fight fighter filth finger fishnet flash flesh flintlock flood
floozie flu fluke fool force forebear foreigner forelimb forgery fossa fraud fraudster freak frenzy freon
frigate fright frogmouth frown funeral fusarium gaffe gaffer galago gambling gang garbage garter gas gasp geek
gelding gender gene genetics ghost gibbon girdle girl girlfriend git gland gloom glut gnat god goddess goose
gorilla gossip graft granny greed grenade grief gripper guerrilla guilt guilty guinea gum gutter guy
gynaecology hackwork hair halloween ham handgun handicap handmaiden harald hardship harm harmonise harmonize
harpooner harrier hash haunt havoc headache hearsay heartache heaven hellcat hemp hermit heroine heterosexual
hiccups hip hippo hippopotamus hobbit hog hole horde hormone horror hospice hospital hostess hound housewife
hovel howard howitzer hubris hull hunchback hunger hunt hunter hurricane hurt husband hydrolyse hydrolyze
hyena hygienic hype hypochondria hypothermia ignorant illegal illiteracy jack jackal jail jailhouse jaw
jealousy jeep jerk joint judgment juggernaut jump junk junker jury kamikaze kid kidney kinase kiss kitsch knee
kneejerk knickers knife knock labor laborer labour labourer lack lad lady lament landmine lap laparoscope
lapdog lard larva lashes latex latter lawsuit leaker leash leaver leech left leg leprosy liar libido lie lieu
ligula limb lip liquor litter liver load loading loan lobotomy loincloth loophole lord loris loss lot lottery
louse lout love lover lung lunge lycra lye lymphocyte macaque madam maggot maid maiden male malice mamba man
manacle mandrill mangle manhunt maniac mankind manservant marmoset massage mastoid mate mattress maybe measles
meat mecca medicine melatonin member membrane men menopause menorah mesenchyme mess messy metabolite methane
midden midwife might migrant military millipede mime minister minor miracle mob mobster molar mole mom
monastery monger monk monkey monster mood moody morbid moron mortal mortise mosque mosquito most mother mouser
mouth mud mule murder muscat muscatel muscle musculature mutt mycoplasma nail nasal native neck neglect
negligee neonate nerve nibble nick nightclub nightgown nightmare nit nobody nonbeliever nonsense nose nothing
notoriety nuke nun nurse nursing nut nymph object obstacle offense oldie oncology opening opium opponent
orangutan organ orient ottoman outback outhouse outlaw outrage ovary oxford pagan pain pancreas panic pansy
pants pantyhose papa parable paradise paramecium paramedic paranoia parole pastor pathology patient pawnshop
peasant pedal peen pelt penalty penicillin perp pest petticoat pew pheromone piety pig pigpen pigsty pike
pilgrim pilgrimage pill pimp pimple pinot pinworm piracy pistol pit placebo plaintiff platelet plea pleasure
plight plunger pneumonia poison poisoning poker pole polecat police policeman policy polish politician
politics poll pollutant polyp poor posterior pot pounding poverty prayer pregnancy prejudice premise premium
presume prey priest priesthood primate prison prisoner prize prizefight probe problem propaganda prophet
prosecutor protest proximal pub pump punch pupa puritan push pusher quicksand quit rabbi raccoon race racer
rack raffle rage raid rake ram ramie rap raptor rat rating ratio rattlesnake rawhide razor rear rebel redhead
refund refusal refuse regime regret reject remains remnant repository republic republican retina retirement
revenant revenge reversal revolver rib rifle ringworm riot rip risk rite ritual rocket rod roller rubber
rubbish ruckus ruin rum rumor rush rust sabre sack saint saloon sanctuary sausage savage savior saviour
scaffold scalp scam scarecrow scent scheme scimitar scissors scorn scotch scow scrambled scrap scratch
screamer screw script scripture sculptural secret seed seep seizure self sentencing sermon serum servant
servitude setback sewer shackle shakedown shame shanty sheath sherry shin shock shofar shoot shootdown
shortage shot shoulder shout shower shrew shrine shutdown sick siege signify silly simvastatin sin sip
skeleton skin skink skirt skunk slang slapstick slash slaw sleep sleet slime slope slot sloth slug slump smell
smog smuggling snake snakebite snap snarl sneeze sniffle snob snorer snuck society sole solicitor somebody
someone someplace something somewhere sorrow sort soul sow spank spasm spat spear spell spider spill spine
spirit spiritual spit spite spleen spouse spur spy squatter stab stain stake stalk stall stamina standoff
statin steeple stem stench stepdaughter stepmother stepson stick stiletto sting stinger stomach stool stot
stranger strap strawman stress strife strip stroke struggle stud stumbling stump sty sub subprime sultan
supernatural surgeon surgery suspect suspenders swallow swamp sweat sweatshop swine sword swordfight symptom
syndrome synod tabernacle tackle tail tailbud tailspin taipan tamarin tank tarantula tart tattler tattoo
tavern tax taxpayer tear teen teenager temple temptress tenant tench tentacle terminal termite testament
testimony textual theft thief thigh thing thirst thong thongs threat thrill throat thrush thrust thug thump
tic tick tights tinkle tip tissue tobacco toe toenail toilet tolerant toll tomography tongue tool tornado
torso tote touch trachoma trafficker tragedy tramp trap trash treaty tremor trench tribe trick trouble
trousers tsunami tub tube tuber tummy turban tusk tussle twitter typhoon uakari ultimatum upper upstairs
upward urge urn user vaccine vagrant validate vampire vanadyl vascular vein venom vertigo vessel vestment vet
veto vibrissae vice victim vineyard vintage vintner vinyl viper vise vitro vivo vixen vodka void vomit vulture
wad waistband wait wampum wannabe want war warden warfare warlock warlord warning warrant warrior wasp waste
wasting weasel weed weeder weedkiller weight weird welfare whack whale whelp whip whiskey white widow wife
will wine winery winner wiretap wiseguy witch withdrawal woman wont wood woodlouse worm worry wound wrasse
wreck wrecker wrinkle wrong yahoo yarmulke yoke youngster yourself youth zebu zen zombie
""".split()

# Whole families are left out by how they begin or end: shorter than naming them, at the cost of a few innocent cousins.
_UNWELCOME_STARTS = """
abus addict aggress alcohol anal anarch ass attack barbitur blood blow bomb breast butt child cigar cock colon
cum death dick drug dys gun hat homi homo horn kill lesb marx nud prick prost psych punish raci relig sex
skull slave smok suck terror theis theo titan tomb viol virgin virus weak weapon worship
""".split()
_UNWELCOME_NOUN_STARTS = "dis im in mis over un under".split()
_UNWELCOME_NOUN_ENDS = "ance cide emia ence ion ism ist itis ity ness sis".split()


def _home(package: str) -> Path:
    """The directory of an installed package; importing it would take longer than all the rest here."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no {package} to take the words of codes from", name=package)
    return Path(spec.origin).parent


def _listed(package: str, *names: str) -> set[str]:
    """Every line of the package's word lists with these names."""
    paths = [_home(package) / f"{name}.txt" for name in names]
    return {line for path in paths for line in path.read_text(encoding="utf-8").splitlines()}


def _welcome(lines: Iterable[str], unwelcome: list[str]) -> set[str]:
    """The words of the right shape that neither our list nor the profanity list leaves out."""
    excluded = _listed("wonderwords", "assets/profanitylist").union(unwelcome)
    starts = tuple(_UNWELCOME_STARTS)
    shaped = {line for line in lines if _SHAPE.fullmatch(line)}
    return {word for word in shaped - excluded if not word.startswith(starts)}


def _is_ambiguous(rest: str, nouns: frozenset[str]) -> bool:
    """Whether the rest of an adjective, put before a noun, makes another noun."""
    return any(noun.startswith(rest) and noun[len(rest) :] in nouns for noun in nouns)


@cache
def nouns() -> tuple[str, ...]:
    """Every noun a code may end with, sorted and unique."""
    listed = _listed("wonderwords", "assets/nounlist") | _listed("coolname", "data/animal")
    starts, ends = tuple(_UNWELCOME_NOUN_STARTS), tuple(_UNWELCOME_NOUN_ENDS)
    welcome = _welcome(listed, _UNWELCOME_NOUNS)
    return tuple(sorted(noun for noun in welcome if not noun.startswith(starts) and not noun.endswith(ends)))


@cache
def adjectives() -> tuple[str, ...]:
    """Every adjective a code may begin with, sorted and unique.

    Of two adjectives that could spell the same code before different nouns, the longer is left out.
    """
    listed = _listed("wonderwords", "assets/adjectivelist")
    listed |= _listed("coolname", "data/adjective", "data/adjective_near", "data/size")
    all_nouns = frozenset(nouns())
    selected: set[str] = set()
    # Sorted, a word comes after every other it begins with.
    for word in sorted(_welcome(listed, _UNWELCOME_ADJECTIVES)):
        rests = (word[end:] for end in range(3, len(word)) if word[:end] in selected)
        if not any(_is_ambiguous(rest, all_nouns) for rest in rests):
            selected.add(word)
    return tuple(sorted(selected))
