"""The words that are printed on every bill, in Chinese and in English; titles of fields are the form's own.

>>> ACTS["Transfer"]
('背书转让', 'Endorsed to')
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ACTS", "CHOICES", "FIELDS", "NONE_SHOWN", "REGIMES", "STATES", "TEXTS", "Both"]


class Both(NamedTuple):
    """A text in both languages."""

    zh: str
    en: str


NONE_SHOWN: Final = Both("未示", "not shown")

CHOICES: Final[dict[str, Both]] = {
    "bank": Both("银行", "bank"),
    "bogie-change": Both("更换转向架", "bogie change"),
    "carrier": Both("承运人", "carrier"),
    "consignee": Both("收货人", "consignee"),
    "consignor": Both("发货人", "consignor"),
    "customs": Both("海关", "customs"),
    "declared": Both("申报", "declared"),
    "delivery-agent": Both("交付代理人", "delivery agent"),
    "holder": Both("持单人", "holder"),
    "issuer": Both("签发人", "issuer"),
    "measurement": Both("丈量", "measurement"),
    "other": Both("其他", "other"),
    "reload": Both("换装", "reload"),
    "scales": Both("磅秤", "scales"),
    "standard-mass": Both("标准重量", "standard mass"),
    "third-party": Both("第三方", "third party"),
    "variable-gauge": Both("变轨距", "variable gauge"),
    "weighbridge": Both("轨道衡", "weighbridge"),
    "delivery-against-bill": Both("凭单交付", "Delivery against the bill"),
    "note-consignee": Both("运单收货人", "The note's consignee"),
    "transfer": Both("转让", "Transfer"),
    "lien": Both("留置与质押", "Lien and pledge"),
    "surrender": Both("提示与交还", "Surrender"),
    "liability": Both("责任", "Liability"),
    "governing-law": Both("适用法律", "Governing law"),
}
"""What the form lets choose among."""

REGIMES: Final[dict[str, Both]] = {
    "CIM": Both("国际货约", "CIM"),
    "SMGS": Both("国际货协", "SMGS"),
    "CIM/SMGS": Both("国际货约/国际货协", "CIM/SMGS"),
}

ACTS: Final[dict[str, Both]] = {
    "Issue": Both("签发", "Issued to"),
    "Transfer": Both("背书转让", "Endorsed to"),
    "Offer": Both("要约转让", "Offered to"),
    "AcceptOffer": Both("接受转让", "Offer accepted"),
    "DeclineOffer": Both("谢绝转让", "Offer declined"),
    "WithdrawOffer": Both("撤回要约", "Offer withdrawn"),
    "Surrender": Both("提示提货", "Surrendered"),
    "WithdrawSurrender": Both("撤回提示", "Surrender withdrawn"),
    "AcceptSurrender": Both("接受提示", "Surrender accepted"),
    "RefuseSurrender": Both("拒绝提示", "Surrender refused"),
    "Deliver": Both("交付货物", "Goods delivered"),
    "Void": Both("作废", "Voided"),
}

FIELDS: Final[dict[str, Both]] = {
    "evidence": Both("凭证摘要", "evidence"),
    "expiry": Both("有效至", "until"),
    "note": Both("运单指纹", "note's fingerprint"),
    "reason": Both("理由摘要", "reason"),
    "to": Both("受让人", "to"),
    "holder": Both("持单人", "to"),
    "toOrder": Both("指示提单", "to order"),
}
"""What an act's message says beside the act."""

STATES: Final[dict[str, Both]] = {
    "issued": Both("已签发", "issued"),
    "surrendered": Both("已提示提货", "surrendered"),
    "accepted": Both("已接受提示", "surrender accepted"),
    "delivered": Both("货物已交付", "delivered"),
    "voided": Both("已作废", "voided"),
}

TEXTS: Final[dict[str, Both]] = {
    "title": Both("铁路提单", "RAILWAY BILL OF LADING"),
    "to-order": Both("指示提单", "TO ORDER"),
    "named": Both("记名提单", "TO A NAMED PARTY"),
    "yes": Both("是", "yes"),
    "no": Both("否", "no"),
    "party": Both("登记编号", "registry no."),
    "address": Both("地址", "address"),
    "country": Both("国家", "country"),
    "code": Both("代码", "code"),
    "contact": Both("联系方式", "contact"),
    "rest": Both("其余未示", "the rest is not shown"),
    "rest-rows": Both("其余各行（如有）未示", "further lines, if any, are not shown"),
    "fields-alone": Both(
        "本件仅出示部分栏目；未示之栏不表示其内容有无。",
        "Chosen fields alone are shown; of a box that is not shown (未示) nothing is said, "
        "not even that it is empty.",
    ),
    "part.note": Both("运单各栏", "Boxes of the consignment note"),
    "part.way": Both("运输", "Carriage"),
    "part.units": Both("车辆、集装箱与封印", "Wagons, containers and seals"),
    "part.goods": Both("货物", "Goods"),
    "part.charges": Both("费用与附件", "Charges and documents"),
    "part.clauses": Both("背面条款", "Clauses"),
    "part.law": Both("适用法律与争议解决", "Law and disputes"),
    "part.other": Both("其他栏目", "Other fields"),
    "part.acts": Both("签发与背书记录", "Issue and endorsements"),
    "part.parties": Both("登记各方", "Parties of the registry"),
    "part.proof": Both("证明", "Proof"),
    "boxes-of": Both("栏号依{regime}运单", "Box numbers are those of the {regime} note"),
    "standing": Both(
        "截至区块 {block}（{time} UTC）：{state}",
        "As of block {block} ({time} UTC): {state}",
    ),
    "held-by": Both("持单人 {party}", "held by {party}"),
    "offered": Both("要约受让人 {party}", "offered to {party}"),
    "snapshot": Both(
        "此为快照：依赖前须以 landbridge verify 向链核验，此后可能已有变动。",
        "A snapshot: verify it against the chain with landbridge verify before you rely on it; "
        "later acts may follow.",
    ),
    "not-live": Both("本提单已不是有效状态", "this bill is not live"),
    "no-effect": Both(
        "打印件、复制件无效力：货物的控制仅依登记簿转移。",
        "A print or copy has no effect: control of the goods passes on the registry alone.",
    ),
    "column.number": Both("序号", "No."),
    "column.act": Both("行为", "Act"),
    "column.by": Both("行为人", "By"),
    "column.what": Both("内容", "What"),
    "column.block": Both("区块", "Block"),
    "column.time": Both("时间 (UTC)", "Time (UTC)"),
    "column.key": Both("签署密钥", "Signed with"),
    "column.name": Both("名称", "Name"),
    "column.country": Both("国家", "Country"),
    "column.border": Both("国境", "Border"),
    "column.code": Both("代码", "Code"),
    "column.codes": Both("HS / NHM / ГНГ", "codes"),
    "the-issuer": Both("签发人", "the issuer"),
    "chain": Both("链与登记处", "Chain and registry"),
    "log": Both("日志头", "Head of the log"),
    "digest": Both("提单摘要", "Digest of the bill"),
    "attached": Both("所附文件", "Attached file"),
    "size": Both("条目", "entries"),
    "block": Both("区块", "block"),
    "transaction": Both("交易", "transaction"),
    "genesis": Both("创世块", "genesis"),
    "bytes": Both("字节", "bytes"),
    "how": Both(
        "本文件各页由所附证明文件（landbridge-bundle.json）生成，页面本身不证明任何事项。"
        "核验：landbridge verify FILE.pdf --trust TRUST --rpc NODE。"
        "该命令重绘各页并逐字节比对，重算单证摘要，并向链查询行为、签名与状态。"
        "二维码载明链号、登记合约与提单摘要。",
        "These pages are made from the attached proof bundle (landbridge-bundle.json) and prove nothing by "
        "themselves. To verify: landbridge verify FILE.pdf --trust TRUST --rpc NODE. It draws the pages anew "
        "and compares them to the byte, computes the document's digest anew, and asks the chain for acts, "
        "signatures and state. The QR code names the chain, the registry's contract and the bill's digest.",
    ),
    "page": Both("第 {page} 页，共 {pages} 页", "page {page} of {pages}"),
    "attachment": Both("提单证明文件", "Proof bundle of the bill"),
}
