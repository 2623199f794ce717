"""The standard clauses for the back of a bill, in our own words, in Chinese and English.

They say what makes the bill work; they are no legal advice, and a carrier's counsel will change them. A bill
may carry other wording, but a clause on each of `REQUIRED` it must have.

>>> [clause["number"] for clause in standard_clauses()]
[1, 2, 3, 4, 5, 6, 7]
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["REQUIRED", "standard_clauses"]

_STANDARD: Final = (
    (
        "delivery-against-bill",
        "货物仅凭本提单交付。承运人及其交付代理人只向在登记簿上已交还本提单的持单人或其指定的提货人交货；"
        "车站向运单收货人交出货物，不构成对本提单持单人的交付。",
        "The goods are delivered against this bill only. The carrier and its delivery agent hand them "
        "to nobody but the holder who has surrendered this bill on the registry, or whom that holder "
        "names to collect them. That the station hands the goods to the note's consignee is no "
        "delivery to the holder of this bill.",
    ),
    (
        "note-consignee",
        "运单的收货人为签发人或其交付代理人，代持单人占有货物，并应听从持单人按本提单作出的指示。"
        "在本提单有效期间，签发人不得行使、也不得让他人行使凭运单副本变更到站或收货人的权利。",
        "The note's consignee is the issuer or its delivery agent, who holds the goods for the holder "
        "of this bill and follows the holder's instructions under it. While this bill is live the "
        "issuer neither uses, nor lets others use, the note's duplicate to change the destination or "
        "the consignee.",
    ),
    (
        "transfer",
        "指示提单以持单人在登记簿上签署的背书转让，自登记生效时起受让人取得对货物的控制。"
        "同一时间只有一个持单人。不在登记簿上的任何背书、复制件或打印件均无效力。",
        "A bill to order passes by an endorsement that its holder signs on the registry; from the "
        "moment the registry records it the new holder controls the goods. There is one holder at a "
        "time. No endorsement, copy or print outside the registry has any effect.",
    ),
    (
        "lien",
        "承运人对本提单载明的未付运送费用享有留置权，仅限于本票货物。提单上登记有质权时，"
        "未经质权人同意，不得转让、交还、拆分或换单，承运人也不得交货。",
        "The carrier has a lien on these goods for the unpaid charges that this bill names, and for no"
        " others. While the registry shows a pledge on this bill it is not transferred, surrendered, "
        "split or switched, and the carrier does not deliver, without the pledgee's consent.",
    ),
    (
        "surrender",
        "持单人以在登记簿上交还本提单要求提货；承运人应在约定期限内接受或说明理由拒绝。"
        "已交还、已交付、已换单或已注销的提单不再具有效力。",
        "The holder claims the goods by surrendering this bill on the registry; the carrier accepts, "
        "or refuses with reasons, within the time agreed. A bill that was surrendered, delivered, "
        "switched or voided is no longer live.",
    ),
    (
        "liability",
        "承运人对货物灭失、损坏和逾期的责任，在适用《国际铁路货物运送合同统一规则》（国际货约）的区段依该规则，"
        "在适用《国际铁路货物联运协定》（国际货协）的区段依该协定；无法确定区段时，依对持单人较为有利者。",
        "The carrier's liability for loss, damage and delay follows the CIM Uniform Rules on the "
        "sections where they apply and the SMGS Agreement on those where it applies; where the section"
        " cannot be found, whichever of the two is better for the holder.",
    ),
    (
        "governing-law",
        "凡上述规则未规定的事项，适用本提单载明国家的法律；争议提交本提单载明的机构解决。"
        "中文文本与英文文本不一致时，以中文文本为准。",
        "What those rules leave open is governed by the law of the country that this bill names, and "
        "disputes go to the body that it names. Where the Chinese and the English text differ, the "
        "Chinese prevails.",
    ),
)

REQUIRED: Final = tuple(subject for subject, _, _ in _STANDARD)
"""Subjects that the back of every bill must deal with."""


def standard_clauses() -> list[dict[str, Any]]:
    """Give the standard clauses as they stand in a bill's `clauses`."""
    return [
        {"number": number, "subject": subject, "zh": zh, "en": en}
        for number, (subject, zh, en) in enumerate(_STANDARD, 1)
    ]
