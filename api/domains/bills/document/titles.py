"""Titles of every field in Chinese and English, and its box on the railway's own forms.

Keys are JSON pointers with `*` for any place in a list. `smgs` is the box number on the SMGS note (form of
2015), `cim_smgs` the one on the common CIM/SMGS note, where a source was found; None where the bill carries
what the note does not, or where no source was at hand. Chinese titles of the SMGS boxes are those of the
bilingual form in use on Chinese railways.

>>> title("/consignment/goods/3/hs").en
'HS code'
>>> title("/consignment/departure").smgs
2
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["TITLES", "Title", "title"]


class Title(NamedTuple):
    """:param smgs: box on the SMGS note; :param cim_smgs: box on the CIM/SMGS note"""

    zh: str
    en: str
    smgs: int | None = None
    cim_smgs: int | None = None


_STATION: dict[str, Title] = {
    "code": Title("车站代码", "Station code"),
    "country": Title("国家", "Country"),
    "name": Title("站名", "Station name"),
}
_BILINGUAL: dict[str, Title] = {"zh": Title("中文", "In Chinese"), "en": Title("英文", "In English")}
_NAME: dict[str, Title] = {**_BILINGUAL, "ru": Title("俄文", "In Russian")}
_MONEY: dict[str, Title] = {"amount": Title("金额", "Amount"), "currency": Title("货币", "Currency")}
_PARTY: dict[str, Title] = {
    "name": Title("名称", "Name"),
    "party": Title("登记编号", "Number in the registry"),
    "address": Title("地址", "Address"),
    "country": Title("国家", "Country"),
    "code": Title("代码", "Code"),
    "contact": Title("联系方式", "Contact"),
}
_CARRIER: dict[str, Title] = {
    "code": Title("承运人代码", "Carrier's code"),
    "name": Title("承运人名称", "Carrier's name"),
    "party": Title("登记编号", "Number in the registry"),
}

_FACE: dict[str, Title] = {
    "": Title("铁路提单", "Railway bill of lading"),
    "/format": Title("格式", "Format"),
    "/bill": Title("提单", "The bill"),
    "/bill/number": Title("提单号", "Bill number"),
    "/bill/to_order": Title("指示提单", "To order"),
    "/bill/originals": Title("正本份数", "Number of originals"),
    "/bill/issued_at": Title("签发地点", "Place of issue"),
    "/bill/issued_on": Title("签发日期", "Date of issue"),
    "/issuer": Title("签发人", "Issuer"),
    "/holder": Title("持单人（凭其指示）", "Holder (to the order of)"),
    "/delivery_agent": Title("签发人的交付代理人", "Issuer's delivery agent"),
    "/note": Title("运单身份", "Identity of the consignment note"),
    "/note/regime": Title("适用法律制度", "Regime"),
    "/note/railway": Title("铁路代码", "Railway code"),
    "/note/country": Title("发站国家", "Country of the station"),
    "/note/station": Title("发站代码", "Station code", 2, 16),
    "/note/number": Title("批号", "Consignment number", 29),
    "/note/date": Title("运单日期", "Date of the note", 26),
    "/note/duplicate": Title("运单副本", "Duplicate of the note"),
    "/note/duplicate/held_by": Title("副本持有人身份", "Held by"),
    "/note/duplicate/name": Title("副本持有人名称", "Name of who holds it"),
    "/clauses": Title("背面条款", "Clauses on the back"),
    "/clauses/*": Title("条款", "Clause"),
    "/clauses/*/number": Title("编号", "Number"),
    "/clauses/*/subject": Title("主题", "Subject"),
    "/clauses/*/zh": Title("中文文本", "Text in Chinese"),
    "/clauses/*/en": Title("英文文本", "Text in English"),
    "/law": Title("适用法律与争议解决", "Governing law and disputes"),
    "/law/country": Title("适用法律", "Governing law"),
    "/law/forum": Title("争议解决机构", "Who decides disputes"),
}

_BOXES: dict[str, Title] = {
    "": Title("运单各栏", "Boxes of the note"),
    "/consignor": Title("发货人", "Consignor", 1, 1),
    "/departure": Title("发站", "Station of departure", 2, 16),
    "/declarations": Title("发货人的声明", "Consignor's declarations", 3, 7),
    "/declarations/*": Title("声明", "Declaration", 3, 7),
    "/consignee": Title("收货人", "Consignee", 4, 4),
    "/notify": Title("通知人", "Notify parties"),
    "/notify/*": Title("通知人", "Notify party"),
    "/destination": Title("到站", "Station of destination", 5, 10),
    "/crossings": Title("国境口岸站", "Border stations", 6),
    "/crossings/*": Title("国境口岸", "Border crossing", 6),
    "/crossings/*/exit": Title("出口国境站", "Exit station", 6),
    "/crossings/*/entry": Title("入口国境站", "Entry station", 6),
    "/interchange": Title("国际货约/国际货协转换站", "Interchange station CIM/SMGS"),
    "/route": Title("经由", "Route", None, 13),
    "/wagons": Title("车辆", "Wagons", 7, 19),
    "/wagons/*": Title("车辆", "Wagon", 7, 19),
    "/wagons/*/number": Title("车号", "Wagon number", 7, 19),
    "/wagons/*/railway": Title("车辆所属铁路", "Railway of the wagon", 7, 19),
    "/wagons/*/gauge": Title("轨距（毫米）", "Gauge (mm)"),
    "/wagons/*/provided_by": Title("车辆由何方提供", "Provided by", 8),
    "/wagons/*/capacity_kg": Title("载重量（千克）", "Load capacity (kg)", 9),
    "/wagons/*/axles": Title("轴数", "Axles", 10),
    "/wagons/*/tare_kg": Title("自重（千克）", "Tare (kg)", 11),
    "/wagons/*/tank_type": Title("罐车类型", "Tank wagon type", 12),
    "/transshipments": Title("换装", "Transshipment to another gauge"),
    "/transshipments/*": Title("换装", "Transshipment"),
    "/transshipments/*/station": Title("换装站代码", "Station code"),
    "/transshipments/*/method": Title("换装方式", "Method"),
    "/transshipments/*/from_gauge": Title("原轨距", "From gauge"),
    "/transshipments/*/to_gauge": Title("新轨距", "To gauge"),
    "/transshipments/*/gross_mass_kg": Title("换装后货物重量", "Mass after transshipment (kg)", 13),
    "/transshipments/*/packages": Title("换装后件数", "Packages after transshipment", 14),
    "/containers": Title("集装箱", "Containers", 7),
    "/containers/*": Title("集装箱", "Container", 7),
    "/containers/*/number": Title("箱号", "Container number", 7),
    "/containers/*/size_type": Title("箱型代码", "Size and type code"),
    "/containers/*/tare_kg": Title("箱自重（千克）", "Container tare (kg)"),
    "/containers/*/max_gross_kg": Title("最大总重（千克）", "Maximum gross mass (kg)"),
    "/containers/*/wagon": Title("所装车号", "On wagon"),
    "/goods": Title("货物", "Goods", 15, 20),
    "/goods/*": Title("货物行", "Goods line", 15, 20),
    "/goods/*/line": Title("行号", "Line"),
    "/goods/*/description": Title("货物名称", "Description of the goods", 15, 20),
    "/goods/*/hs": Title("HS 编码", "HS code", 15, 20),
    "/goods/*/nhm": Title("NHM 编码", "NHM code", None, 23),
    "/goods/*/gng": Title("ГНГ 编码", "GNG code", 15, 23),
    "/goods/*/packages": Title("包装与件数", "Packages"),
    "/goods/*/packages/kind": Title("包装种类", "Kind of packaging", 16),
    "/goods/*/packages/count": Title("件数", "Number of packages", 17),
    "/goods/*/unit_mass_kg": Title("单件质量（千克）", "Mass of one package (kg)"),
    "/goods/*/gross_mass_kg": Title("重量（千克）", "Gross mass (kg)", 18, 24),
    "/goods/*/net_mass_kg": Title("净重（千克）", "Net mass (kg)"),
    "/goods/*/marks": Title("标记、号码", "Marks and numbers", 15, 20),
    "/goods/*/value": Title("货物价值", "Value of the goods"),
    "/goods/*/dangerous": Title("危险货物", "Dangerous goods", 15, 22),
    "/goods/*/dangerous/un_number": Title("联合国编号", "UN number"),
    "/goods/*/dangerous/hazard_class": Title("类别", "Class"),
    "/goods/*/dangerous/packing_group": Title("包装类别", "Packing group"),
    "/goods/*/loads": Title("装载", "Loads"),
    "/goods/*/loads/*": Title("装载", "Load"),
    "/goods/*/loads/*/unit": Title("车号或箱号", "Wagon or container"),
    "/goods/*/loads/*/packages": Title("件数", "Packages"),
    "/goods/*/loads/*/gross_mass_kg": Title("重量（千克）", "Gross mass (kg)"),
    "/totals": Title("合计", "Totals"),
    "/totals/packages": Title("总件数", "Total packages", 17),
    "/totals/gross_mass_kg": Title("总重量（千克）", "Total gross mass (kg)", 18, 24),
    "/totals/value": Title("货物总值", "Total value of the goods"),
    "/dangerous": Title("RID 危险货物标记", "RID dangerous goods", None, 22),
    "/seals": Title("封印", "Seals", 19),
    "/seals/*": Title("封印", "Seal", 19),
    "/seals/*/number": Title("封印记号", "Seal number and marks", 19),
    "/seals/*/unit": Title("所封车辆或集装箱", "On wagon or container", 19),
    "/seals/*/placed_by": Title("施封方", "Placed by"),
    "/loaded_by": Title("由何方装车", "Loaded by", 20),
    "/mass_determination": Title("确定重量的方法", "Method of determining mass", 21),
    "/mass_determination/method": Title("方法", "Method", 21),
    "/mass_determination/by": Title("由何方确定", "Determined by", 21),
    "/contractual_carrier": Title("缔约承运人", "Contractual carrier", 22, 66),
    "/sections": Title("承运人及区段", "Carriers and their sections", 22),
    "/sections/*": Title("承运区段", "Section", 22),
    "/sections/*/carrier": Title("区段承运人", "Carrier of the section", 22),
    "/sections/*/from_station": Title("区段自", "From station", 22),
    "/sections/*/to_station": Title("区段至", "To station", 22),
    "/charges": Title("运送费用的支付", "Payment of charges", 23),
    "/charges/lines": Title("分区段费用", "Charges by leg", 23),
    "/charges/lines/*": Title("区段费用", "Charge of a leg", 23),
    "/charges/lines/*/carrier": Title("承运人代码", "Carrier's code", 23),
    "/charges/lines/*/from_station": Title("自", "From station", 23),
    "/charges/lines/*/to_station": Title("至", "To station", 23),
    "/charges/lines/*/payer": Title("支付人身份", "Paid by", 23),
    "/charges/lines/*/payer_name": Title("支付人名称", "Payer's name", 23),
    "/charges/lines/*/amount": Title("金额", "Amount", 23),
    "/charges/totals": Title("费用合计（按货币）", "Totals by currency", 23),
    "/charges/totals/*": Title("合计", "Total", 23),
    "/attached": Title("发货人添附的文件", "Documents attached by the consignor", 24, 9),
    "/attached/*": Title("添附文件", "Attached document", 24, 9),
    "/attached/*/code": Title("单证代码", "Document code", 24, 9),
    "/attached/*/title": Title("文件名称", "Title", 24, 9),
    "/attached/*/number": Title("文件号", "Number", 24, 9),
    "/attached/*/date": Title("文件日期", "Date", 24, 9),
    "/attached/*/copies": Title("份数", "Copies", 24, 9),
    "/references": Title("与承运人无关的信息", "Information not intended for the carrier", 25, 15),
    "/references/supply_contract": Title("供货合同号码", "Supply contract", 25, 8),
    "/references/consignor_reference": Title("发货人参考号", "Consignor's reference", 25, 8),
    "/references/remarks": Title("备注", "Remarks", 25, 15),
    "/incoterm": Title("贸易术语", "Delivery term"),
    "/incoterm/code": Title("术语代码", "Incoterm"),
    "/incoterm/edition": Title("版本", "Edition"),
    "/incoterm/place": Title("指定地点", "Named place"),
    "/declared_value": Title("声明价格", "Declaration of value"),
    "/contract_date": Title("缔结运输合同的日期", "Date of the contract of carriage", 26),
    "/expected_arrival": Title("预计到达日期", "Expected arrival"),
    "/arrived_on": Title("到达日期", "Date of arrival", 27),
    "/customs_marks": Title("办理海关和其他行政手续的记载", "Customs and other administrative marks", 28, 26),
    "/customs_marks/*": Title("海关记载", "Customs mark", 28, 26),
    "/customs_marks/*/country": Title("国家", "Country", 28, 26),
    "/customs_marks/*/office": Title("海关", "Customs office", 28, 26),
    "/customs_marks/*/text": Title("记载内容", "Text", 28, 26),
    "/customs_marks/*/date": Title("日期", "Date", 28, 26),
}

# Where the shared parts hang: their fields have the same titles wherever they stand, and no box of their own.
_SHARED: dict[str, tuple[dict[str, Title], tuple[str, ...]]] = {
    "bilingual": (
        _BILINGUAL,
        (
            "/bill/issued_at",
            "/law/forum",
            "/consignment/route",
            "/consignment/declarations/*",
            "/consignment/goods/*/description",
            "/consignment/attached/*/title",
        ),
    ),
    "party": (
        _PARTY,
        (
            "/issuer",
            "/holder",
            "/delivery_agent",
            "/consignment/consignor",
            "/consignment/consignee",
            "/consignment/notify/*",
        ),
    ),
    "carrier": (_CARRIER, ("/consignment/contractual_carrier", "/consignment/sections/*/carrier")),
    "station": (
        _STATION,
        (
            "/consignment/departure",
            "/consignment/destination",
            "/consignment/interchange",
            "/consignment/crossings/*/exit",
            "/consignment/crossings/*/entry",
        ),
    ),
    "money": (
        _MONEY,
        (
            "/consignment/goods/*/value",
            "/consignment/totals/value",
            "/consignment/charges/lines/*/amount",
            "/consignment/charges/totals/*",
            "/consignment/declared_value",
        ),
    ),
}


def _build() -> dict[str, Title]:
    titles = {**_FACE, **{"/consignment" + key: one for key, one in _BOXES.items()}}
    names = ["/note/duplicate/name", "/consignment/charges/lines/*/payer_name"]
    for part, (fields, places) in _SHARED.items():
        for place in places:
            for key, one in fields.items():
                if part == "party" and place in ("/issuer", "/holder") and key in ("code", "contact"):
                    continue
                titles[f"{place}/{key}"] = one
                if key == "name":
                    names.append(f"{place}/name")
    for place in names:
        station = titles[place] is _STATION["name"]
        for key, one in (_BILINGUAL if station else _NAME).items():
            titles[f"{place}/{key}"] = one
    return titles


TITLES: Final = MappingProxyType(_build())
"""Pattern of a JSON pointer → its title; every field of the form has one."""

_INDEX = re.compile(r"/[0-9]+(?=/|$)")


def title(path: str) -> Title:
    """Give the title of the field at a JSON pointer into a bill.

    :raises KeyError: the form has no such place
    """
    return TITLES[_INDEX.sub("/*", path)]
