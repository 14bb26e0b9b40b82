"""What PBXs and carriers send in place of an address that is withheld or that they do not know.

None of these words can be an email address or a Teams user id. Sources: for SIP, RFC 3323
(4.1.1.3), RFC 3325, RFC 5079 and 3GPP TS 29.163; for a telephone's display, Bellcore GR-31 and NTT's number
display (`P`, `O`); for the rest what Asterisk, FreeSWITCH, Kazoo, Avaya, Cisco, AudioCodes and Mitel send,
what telephones show in their languages, and how programs write a missing value.
"""

SIP_USERS = frozenset({"anonymous", "restricted", "unavailable", "unknown", "withheld"})
"""In `sip:anonymous@anonymous.invalid`: the user, with any host, or the host before `.invalid`.

`private` is left out, because it may be a desk of a bank.
"""

SPELT = frozenset({"266696687", "7378742833", "2562533", "8656696", "86282452253"})
"""ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE on a telephone's keys, as Skype and Twilio send
them after a plus, where no calling code has such a number. Without one, they may be somebody's number."""

_BY_LANGUAGE = {
    "English": """
        anonymous, anonymous call, anonymous caller, blocked, blocked call, blocked caller, blocked number,
        caller id blocked, caller id unavailable, caller id withheld, caller unknown, caller withheld,
        hidden, hidden number, id unavailable, id withheld, no caller id, no callerid, no id, no number,
        not available, number blocked, number not available, number private, number restricted,
        number unavailable, number unknown, number withheld, out of area, private, private call,
        private caller, private number, restricted, restricted call, restricted number, suppressed,
        unavailable, unavailable number, unidentified, unidentified caller, unknown, unknown caller,
        unknown number, withheld, withheld number""",
    "programs": "n/a, nil, none, null, undefined, P, O",
    "German": """
        anonym, anonymer anrufer, anonymer teilnehmer, keine nummer, keine rufnummer, nicht verfügbar,
        nummer unbekannt, nummer unterdrückt, privat, private nummer, rufnummer unbekannt,
        rufnummer unterdrückt, unbekannt, unbekannte nummer, unbekannte rufnummer, unbekannter anrufer,
        unbekannter teilnehmer, unterdrückt, unterdrückte nummer, unterdrückte rufnummer""",
    "French": """
        anonyme, appel anonyme, appel masqué, appel privé, appelant inconnu, confidentiel, inconnu,
        indisponible, masqué, non disponible, numéro anonyme, numéro caché, numéro inconnu, numéro masqué,
        numéro privé, numéro secret, privé, secret""",
    "Spanish": """
        anónimo, desconocido, identidad oculta, llamada privada, no disponible, número desconocido,
        número no disponible, número oculto, número privado, número restringido, oculto, privado,
        restringido, sin identificar, sin número""",
    "Portuguese": """
        anónimo, anônimo, confidencial, desconhecido, indisponível, não disponível, não identificado,
        número confidencial, número desconhecido, número oculto, número privado, número restrito, oculto,
        privado, restrito""",
    "Italian": """
        anonimo, nascosto, non disponibile, numero anonimo, numero nascosto, numero non disponibile,
        numero privato, numero riservato, numero sconosciuto, privato, riservato, sconosciuto""",
    "Dutch": """
        afgeschermd, afgeschermd nummer, anoniem, anonieme beller, geheim nummer, niet beschikbaar,
        nummer afgeschermd, nummer onbekend, onbekend, onbekend nummer, onbekende beller, privé,
        privénummer, verborgen, verborgen nummer""",
    "Danish, Norwegian, Swedish": """
        hemmeligt nummer, skjult, skjult nummer, ukendt, ukendt nummer, privat nummer, hemmelig nummer,
        ukjent, ukjent nummer, dolt nummer, hemligt nummer, okänd, okänt nummer, skyddat nummer""",
    "Finnish": """
        estetty, numero estetty, salainen, salainen numero, tuntematon, tuntematon numero,
        yksityinen numero""",
    "Polish": """
        anonimowy, niedostępny, nieznany, nieznany numer, numer niedostępny, numer nieznany,
        numer prywatny, numer ukryty, numer zastrzeżony, prywatny, ukryty, ukryty numer, zastrzeżony""",
    "Czech and Slovak": """
        anonymní, neznámé číslo, neznámy, neznámý, neznáme číslo, skryté číslo, soukromé číslo,
        súkromné číslo""",
    "Hungarian": "ismeretlen, ismeretlen szám, privát szám, rejtett szám, titkos szám",
    "Romanian": "ascuns, necunoscut, număr ascuns, număr necunoscut, număr privat",
    "Turkish": "bilinmeyen, bilinmeyen numara, gizli, gizli numara, özel numara",
    "Greek": "ανώνυμος, απόκρυψη, απόρρητο, άγνωστος, άγνωστος αριθμός, ιδιωτικός αριθμός",
    "Russian and Ukrainian": """
        аноним, анонимный, неизвестно, неизвестный, неизвестный номер, номер не определен, номер скрыт,
        скрыт, скрытый номер, невідомий, невідомий номер, прихований номер""",
    "Arabic": "غير معروف, مجهول, رقم خاص, رقم محجوب",
    "Hebrew": "אנונימי, חסוי, לא ידוע, מספר חסוי",
    "Japanese": "非通知, 非通知設定, 番号非通知, 通知不可, 通知不可能, 表示圏外, 公衆電話, 不明",
    "Chinese": """
        未知, 未知号码, 未知號碼, 未知来电, 未知來電, 匿名, 私人号码, 私人號碼, 隐藏号码, 隱藏號碼,
        无法显示, 無法顯示, 不显示号码, 不顯示號碼""",
    "Korean": "발신번호표시제한, 발신번호 표시제한, 발신자표시제한, 발신번호제한, 알 수 없음, 익명",
}

WORDS = frozenset(word.strip() for words in _BY_LANGUAGE.values() for word in words.split(","))
"""As they are written. Compare them without case, accents and punctuation."""
