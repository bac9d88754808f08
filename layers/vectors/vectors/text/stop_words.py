"""Words that say little about a person, of the languages that most sentences are in.

Stop words count only where nothing else was asked for; a name that is also one of these is still found by it.
Everyday words count for less than others: `help` in "who can help with taxes". They matter to queries alone,
so the list can change without a new layout of the collection.
"""

from vectors.text.folding import fold

_STOP = {
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
STOP_WORDS = frozenset(fold(word) for words in _STOP.values() for word in words.split())

_EVERYDAY = {
    "English": """
        able across add added adds again ago ahead almost alone along already although among amount
        another around ask asked asking asks away back background bad based basic become becomes began
        begin begins behind believe believes below better big bit bring bringing brings brought call
        calling calls came care change changed changes check checks choose clear close colleague
        colleagues comes coming common complete connect consider contact daily day days deal deals
        different difficult early easily easy either end ends enjoy enjoys enough especially even
        evening experience experienced expert experts explain explains far fast favorite favourite
        feel feels few fine first five follow follows four free friend friendly full fully further
        gave general give given gives giving go goes going gone got great group guy guys half hand
        happen happens happy hard hear heard help helped helpful helping helps here high hold holds
        hope hour hours hundred idea important include includes interested issue issues job jobs join
        joined joins keep keeping keeps kept lady large last late later learn learned learning learns
        least leave leaves left less let lets level liked likes line little live lives living local
        long longer lose lost love loves low made main make makes making man manage manages matter
        mean means meet meets men mine minute minutes moment month months move moves moving name near
        nearly new next nice night number offer offers old older open others part parts past pay place
        places play possible practice present problem problems professional provide provides put puts
        question questions quick quickly quite rather reach read ready real reason recent recommend
        reliable right run running runs said say saying says second see seeing seem seems seen sees
        send sends set sets several short side simple skilled small solve sometimes soon specialised
        specialist specialists specialized specializing spend spends start started starting starts
        stay stays stop stuff take taken takes taking talented talk talked talking talks ten thank
        thanks think thinks third though thought three time times took toward towards tried tries true
        try trying turn turns twice two type understand understands upon usual usually various way
        ways week weekend weekends weeks well went whether whole within woman women word words world
        worse wrong year years yesterday young
    """,
    "German": """
        arbeit arbeiten arbeitet brauche braucht gern gerne gibt gut gute guten guter haben helfen
        hilfe hilft jahr jahre kennen machen macht mann mehr neu neue neuen neuer sehr suche suchen
        sucht viel viele wissen zeit
    """,
    "French": """
        aide aider aime ans bien bon bonne bonnes bons cherche connait depuis faire fait femme gens
        homme jour jours nouveau nouvelle peut plus savoir temps toujours travail travailler tres
    """,
    "Spanish and Portuguese": """
        ajuda ajudar algum alguma anos ayuda ayudar bien boa bom buen buena bueno busca busco conhece
        conoce dias faz fazer gente hace hacer mejor melhor mucho muito necesito nova novo nueva nuevo
        pode preciso puede sabe sempre siempre tempo tiempo trabajar trabajo trabalha trabalhar
        trabalho
    """,
    "Italian": """
        aiuta aiutare aiuto anni buon buona buono cerca cerco conosce fare gente giorni lavora
        lavorare lavoro migliore molto nuova nuovo sempre tempo
    """,
    "Dutch": """
        altijd beste goed goede heeft helpen helpt jaar jaren kent maakt maken mensen nieuw nieuwe
        tijd veel weet werk werken werkt zoek zoekt
    """,
}
EVERYDAY_WORDS = frozenset(fold(word) for words in _EVERYDAY.values() for word in words.split())
