"""Words that say little about a person: they count only where nothing else was asked for.

Of the languages that most sentences are in; a name that is also one of these words is still found by it.
"""

from vectors.text.folding import fold

_LISTS = {
    "English": """
        a about after all also always am an and any anyone anybody are as at be been being best between both
        but by can else ever every everybody everyone get gets getting good how however instead just kind lot
        lots many maybe much never nobody now often once per really since still sure today together until yet
        could did do does doing done for from had has have having he her hers him his how i if in into is it
        its just like me more most my no nor not of off on one ones only or other our out over own people
        person please s same she should so some somebody someone something such t than that the their them
        then there these they thing things this those through to too under up very was we were what when where
        which while who whom whose why will with without would you your yours
        called find know knows knowing known look looking may might must named need needs search show tell
        used user users uses using want wants work works working worked
    """,
    "German": """
        aber als am an auch auf aus bei bin bis da das dass dem den der des die doch du durch ein eine einem
        einen einer er es fur gegen hat ich ihr im in ist jemand jemanden kann kennt kein mit nach nicht noch
        oder sich sie sind so uber um und uns vom von vor war was wer wie wir wird wo zu zum zur
    """,
    "French": """
        au aux avec c ce ces cette d dans de des du elle en est et il ils je l la le les leur mais n ne nous
        on ou par pas pour qu que quelqu un une quelqu'un qui sa se ses son sont sur travaille vous y
    """,
    "Spanish and Portuguese": """
        a al algo alguien alguem ao as com como con da das de del do dos e el ella em en es esta este la las
        lo los mas me mi na no nos o os para pero por que quem quien se ser sin sobre su sus trabaja um uma un
        una y
    """,
    "Italian": """
        al alla che chi come con da dal dalla dei del della di e gli ha i il in la le lo nel non per qualcuno
        si sono su un una
    """,
    "Dutch": """
        aan als bij dat de die een en er het iemand ik in is met naar niet of om op te van voor wat wie zijn
    """,
}
STOP_WORDS = frozenset(fold(word) for words in _LISTS.values() for word in words.split())
