"""The catalogue of findings: code → weight, sentence in English, sentence in Chinese.

Each sentence says what is wrong and what to do. Codes are part of the interface: never reused for another
meaning. Nothing here holds a party's name; what is shown are numbers and codes.

>>> MESSAGES["bearer-refused"][0]
'error'
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

__all__ = ["FORM_CODES", "MESSAGES", "PATTERN_WORDS", "TEXT_CODES", "Message"]

Message: TypeAlias = tuple[Literal["error", "warning"], str, str]

_TEXT: dict[str, Message] = {
    "json-too-large": (
        "error",
        "The document has more bytes than are taken ({limit}). Send the bill alone, attachments apart.",
        "文件字节数超过上限（{limit}）。请只提交提单本身，附件另行提交。",
    ),
    "json-too-deep": (
        "error",
        "The document is nested deeper than {limit}. Use the form of the schema.",
        "文件嵌套超过 {limit} 层。请按模式规定的格式填写。",
    ),
    "json-not-utf8": (
        "error",
        "The document is not UTF-8 without a byte order mark (byte {position}). Save it as UTF-8.",
        "文件不是无 BOM 的 UTF-8（第 {position} 字节）。请以 UTF-8 保存。",
    ),
    "json-truncated": (
        "error",
        "The document ends too early (line {line}, column {column}). Send the whole file again.",
        "文件不完整（第 {line} 行第 {column} 列处中断）。请重新发送完整文件。",
    ),
    "json-syntax": (
        "error",
        "The document is not JSON (line {line}, column {column}). Correct it there.",
        "文件不是 JSON（第 {line} 行第 {column} 列）。请在该处更正。",
    ),
    "json-duplicate-key": (
        "error",
        "The field stands twice, so it has two meanings. Keep one.",
        "该字段出现两次，含义不唯一。请只保留一个。",
    ),
    "json-number": (
        "error",
        "The number cannot be carried exactly. Write masses and amounts as decimals in strings.",
        "该数字无法精确表示。质量和金额请写成字符串形式的十进制数。",
    ),
    "json-surrogate": (
        "error",
        "The text holds half of a surrogate pair. Write the whole character.",
        "文本含有不成对的代理码位。请写完整字符。",
    ),
    "json": ("error", "The document is not acceptable JSON. Correct it.", "文件不是可接受的 JSON。请更正。"),
    "document-not-object": (
        "error",
        "The document is not a JSON object. Send one bill.",
        "文件不是 JSON 对象。请提交一份提单。",
    ),
    "null-refused": (
        "error",
        "null is not taken. Leave out a field that does not apply.",
        "不接受 null。不适用的字段请省略。",
    ),
    "text-forbidden": (
        "error",
        "The text holds the character {character}, which is invisible, unassigned or turns the "
        "direction of writing. Remove it.",
        "文本含有字符 {character}：不可见、未分配或改变书写方向。请删除。",
    ),
    "text-not-nfc": (
        "error",
        "The text is not in Unicode normal form C, so the same words would have another digest. "
        "Normalise it.",
        "文本不是 Unicode NFC 规范形式，同样的文字会得到不同摘要。请规范化。",
    ),
    "findings-cut": (
        "warning",
        "There are more than {limit} findings; the rest is not shown. Correct these first.",
        "问题超过 {limit} 条，其余未列出。请先更正以上问题。",
    ),
}

_FORM: dict[str, Message] = {
    "format-unknown": (
        "error",
        "The format is not {known}. Use the form of that version.",
        "格式不是 {known}。请使用该版本的格式。",
    ),
    "field-missing": ("error", "The field is missing. Fill it in.", "缺少该字段。请填写。"),
    "field-unknown": (
        "error",
        "The form has no field of this name. Remove it or correct its name.",
        "格式中没有此字段。请删除或更正名称。",
    ),
    "field-type": (
        "error",
        "The value is of the wrong kind; {wanted} is wanted.",
        "值的类型不对；应为 {wanted}。",
    ),
    "field-form": (
        "error",
        "The text does not have the form of this field: {wanted}. Correct it.",
        "文本不符合该字段的格式：{wanted}。请更正。",
    ),
    "field-length": (
        "error",
        "The text or list is too short or too long ({wanted}). Correct it.",
        "文本或列表过短或过长（{wanted}）。请更正。",
    ),
    "field-choice": (
        "error",
        "The value is not one of the choices: {wanted}.",
        "值不在可选范围内：{wanted}。",
    ),
    "field-range": (
        "error",
        "The number is out of range ({wanted}). Correct it.",
        "数字超出范围（{wanted}）。请更正。",
    ),
    "decimal-not-string": (
        "error",
        'A mass or an amount is a JSON number. Write it as a decimal in a string, such as "125.50".',
        '质量或金额写成了 JSON 数字。请写成字符串形式的十进制数，例如 "125.50"。',
    ),
    "decimal-negative": (
        "error",
        "A mass or an amount has a sign. Write a plain decimal that is not negative.",
        "质量或金额带有正负号。请写不为负的普通十进制数。",
    ),
    "decimal-form": (
        "error",
        "A mass or an amount is no plain decimal: digits, no leading zero, at most 3 (masses) or 4 "
        "(amounts) decimals, no exponent. Correct it.",
        "质量或金额不是普通十进制数：只用数字，无前导零，无指数，小数最多 3 位（质量）或 4 位（金额）。"
        "请更正。",
    ),
    "decimal-absurd": (
        "error",
        "A mass or an amount is beyond anything carried by rail. Correct it.",
        "质量或金额大得不合常理。请更正。",
    ),
    "decimal-zero": (
        "error",
        "A mass is zero. Correct it or leave the field out.",
        "质量为零。请更正或省略该字段。",
    ),
    "date-form": (
        "error",
        "The date is no calendar day of the form YYYY-MM-DD. Correct it.",
        "日期不是 YYYY-MM-DD 形式的日历日。请更正。",
    ),
    "name-empty": (
        "error",
        "The name is given in no language. Give it in Chinese, English or Russian.",
        "名称未以任何语言填写。请以中文、英文或俄文填写。",
    ),
}

_PARTIES: dict[str, Message] = {
    "bearer-refused": (
        "error",
        "The bill names no holder: a bill to bearer is refused. Name the holder, to order or not.",
        "提单未载明持单人：不接受不记名提单。请载明持单人（记名或指示）。",
    ),
    "consignee-is-holder": (
        "error",
        "The note's consignee is the bill's holder, to whom the station would hand the goods without "
        "the bill. Name the issuer or its delivery agent as the note's consignee.",
        "运单收货人就是提单持单人，车站将不凭提单向其交货。请以签发人或其交付代理人为运单收货人。",
    ),
    "consignee-not-controlled": (
        "error",
        "The note's consignee is neither the issuer nor its delivery agent, so the bill controls "
        "nothing. Correct the consignee, or name the delivery agent.",
        "运单收货人既不是签发人也不是其交付代理人，提单不能控制货物。请更正收货人或载明交付代理人。",
    ),
    "agent-is-holder": (
        "error",
        "The delivery agent is the bill's holder. Name an agent who acts for the issuer alone.",
        "交付代理人就是提单持单人。请指定只代表签发人的代理人。",
    ),
    "issuer-not-carrier": (
        "error",
        "The issuer is not the contractual carrier of the note. Only the contractual carrier issues "
        "its bill.",
        "签发人不是运单的缔约承运人。提单只能由缔约承运人签发。",
    ),
    "duplicate-not-held": (
        "warning",
        "The note's duplicate is with {held}, who could redirect the goods. Have it lodged with the "
        "issuer, its delivery agent or the bank.",
        "运单副本由 {held} 持有，其可变更到站或收货人。请将副本交存签发人、其交付代理人或银行。",
    ),
    "originals-not-one": (
        "error",
        "The number of originals is {count}; an electronic bill has one. Write 1.",
        "正本份数为 {count}；电子提单只有一份正本。请写 1。",
    ),
    "clause-numbering": (
        "error",
        "The clause is number {found} where {wanted} is due. Number the clauses from 1 without gaps.",
        "条款编号为 {found}，应为 {wanted}。请从 1 起连续编号。",
    ),
    "clause-missing": (
        "error",
        "No clause on the back deals with: {subject}. Add it; standard wording is provided.",
        "背面缺少条款：{subject}。请补充，系统提供标准文本。",
    ),
}

_CODES: dict[str, Message] = {
    "country-unknown": (
        "error",
        "{value} is no country of ISO 3166-1. Correct it.",
        "{value} 不是 ISO 3166-1 国家代码。请更正。",
    ),
    "currency-unknown": (
        "error",
        "{value} is no currency of ISO 4217. Correct it.",
        "{value} 不是 ISO 4217 货币代码。请更正。",
    ),
    "amount-decimals": (
        "error",
        "{currency} has {wanted} decimals; the amount has {found}. Correct it.",
        "{currency} 的小数位数为 {wanted}，金额有 {found} 位。请更正。",
    ),
    "incoterm-unknown": (
        "error",
        "{value} is no term of Incoterms 2020. Correct it.",
        "{value} 不是 Incoterms 2020 术语。请更正。",
    ),
    "incoterm-maritime": (
        "warning",
        "{value} is kept for sea and inland waterway; by rail its counterpart is FCA, CPT or CIP. Ask "
        "the parties.",
        "{value} 仅适用于海运和内河运输；铁路应使用 FCA、CPT 或 CIP。请与当事人确认。",
    ),
    "hs-chapter": (
        "error",
        "The Harmonized System has no chapter {chapter}. Correct the code.",
        "协调制度没有第 {chapter} 章。请更正编码。",
    ),
    "goods-code-differs": (
        "error",
        "The first six digits of the {list} code are not those of the HS code {hs}. Correct one of them.",
        "{list} 编码的前六位与 HS 编码 {hs} 不一致。请更正其一。",
    ),
    "goods-code-missing": (
        "warning",
        "Under {regime} the line needs its {list} code. Add it.",
        "{regime} 运单的货物须有 {list} 编码。请补充。",
    ),
    "package-kind-unknown": (
        "warning",
        "{value} is no package kind of UN/ECE Recommendation 21. Correct it.",
        "{value} 不是联合国 21 号建议书的包装代码。请更正。",
    ),
    "station-country": (
        "error",
        "The station's code {code} is not one of country {country}. Correct the code or the country.",
        "车站代码 {code} 不属于国家 {country}。请更正代码或国家。",
    ),
    "station-scheme": (
        "error",
        "Stations of {country} bear a six-digit code; {code} has another length. Use the six digits.",
        "{country} 的车站使用六位代码，{code} 位数不符。请使用六位代码。",
    ),
    "station-check-digit": (
        "error",
        "The check digit of station code {code} does not hold. Correct the code.",
        "车站代码 {code} 的校验位不符。请更正。",
    ),
    "wagon-number": (
        "error",
        "{number} is no freight wagon's number (12 digits UIC, 8 digits of 1520 mm, 7 digits of China "
        "with railway 33). Correct it.",
        "{number} 不是货车车号（UIC 12 位、1520 毫米轨距 8 位、中国 7 位且铁路代码为 33）。请更正。",
    ),
    "wagon-check-digit": (
        "error",
        "The check digit of wagon {number} does not hold. Correct the number.",
        "车号 {number} 的校验位不符。请更正。",
    ),
    "wagon-railway": (
        "error",
        "{value} is no railway of the UIC/OSJD list. Correct it.",
        "{value} 不是 UIC/铁组代码表中的铁路。请更正。",
    ),
    "container-check-digit": (
        "error",
        "The check digit of container {number} does not hold (ISO 6346). Correct the number.",
        "箱号 {number} 的校验位不符（ISO 6346）。请更正。",
    ),
}

_CARGO: dict[str, Message] = {
    "unit-twice": (
        "error",
        "{number} is named twice. Name each wagon and container once.",
        "{number} 重复出现。每个车辆和集装箱只列一次。",
    ),
    "unit-unknown": (
        "error",
        "{number} is not among the bill's wagons and containers. Add it there or correct the number.",
        "{number} 不在提单所列车辆和集装箱之中。请补充或更正号码。",
    ),
    "unit-empty": (
        "warning",
        "{number} carries nothing by the goods lines. Remove it, or say what it carries.",
        "按货物明细，{number} 未装货物。请删除或注明所装货物。",
    ),
    "unit-unsealed": (
        "warning",
        "{number} carries goods and has no seal. Add its seals.",
        "{number} 装有货物但没有封印。请补充封印。",
    ),
    "unit-overloaded": (
        "error",
        "{number} is loaded with {found} kg; it takes {limit} kg. Correct the loads or the limit.",
        "{number} 装载 {found} 千克，超过限重 {limit} 千克。请更正装载或限重。",
    ),
    "seal-twice": (
        "error",
        "Seal {number} is named twice. A seal number exists once.",
        "封印 {number} 重复出现。封印号码应唯一。",
    ),
    "line-twice": (
        "error",
        "Goods line {number} stands twice. Number each line once.",
        "货物行号 {number} 重复。每行编号应唯一。",
    ),
    "unit-mass-missing": (
        "error",
        "The line counts packages but gives no mass of one. Add unit_mass_kg.",
        "该行有件数但没有单件质量。请填写 unit_mass_kg。",
    ),
    "package-count": (
        "error",
        "Goods in bulk have count 0 and no unit mass; packed goods have at least one package. Correct "
        "kind or count.",
        "散装货物件数为 0 且无单件质量；有包装的货物至少一件。请更正包装种类或件数。",
    ),
    "line-mass": (
        "error",
        "{count} packages of {unit} kg make {wanted} kg; the line says {found} kg. Correct one of the three.",
        "{count} 件、每件 {unit} 千克，应为 {wanted} 千克，该行写 {found} 千克。请更正。",
    ),
    "net-above-gross": (
        "error",
        "The net mass is above the gross mass. Correct one of them.",
        "净重大于毛重。请更正。",
    ),
    "load-packages": (
        "error",
        "The loads of the line add up to {found} packages; the line says {wanted}. Correct them.",
        "该行各装载件数合计 {found} 件，该行写 {wanted} 件。请更正。",
    ),
    "load-mass": (
        "error",
        "The loads of the line add up to {found} kg; the line says {wanted} kg. Correct them.",
        "该行各装载质量合计 {found} 千克，该行写 {wanted} 千克。请更正。",
    ),
    "total-packages": (
        "error",
        "The lines add up to {wanted} packages; the total says {found}. Correct the total.",
        "各行合计 {wanted} 件，总数写 {found} 件。请更正总数。",
    ),
    "total-mass": (
        "error",
        "The lines add up to {wanted} kg; the total says {found} kg. Correct the total.",
        "各行合计 {wanted} 千克，总数写 {found} 千克。请更正总数。",
    ),
    "total-value": (
        "error",
        "The lines' values do not add up to the total value, in its currency. Correct them, or leave "
        "the total out.",
        "各行价值与总值（同一货币）不符。请更正，或省略总值。",
    ),
    "charges-total": (
        "error",
        "The charges by leg add up to {wanted} {currency}; the totals say {found}. Correct them.",
        "各区段运费合计 {wanted} {currency}，总额写 {found}。请更正。",
    ),
    "dangerous-flag": (
        "error",
        "The RID mark does not agree with the goods lines. Set it when, and only when, a line is "
        "dangerous goods.",
        "RID 危险货物标记与货物明细不一致。仅当有危险货物时才标记。",
    ),
}

_JOURNEY: dict[str, Message] = {
    "note-identity": (
        "error",
        "The note's identity cannot be normalised, so it has no fingerprint: {why}. Correct it.",
        "运单身份无法规范化，不能计算指纹：{why}。请更正。",
    ),
    "note-station-differs": (
        "error",
        "The note's station is not the station of departure. Make them one.",
        "运单身份中的车站与发站不同。请使其一致。",
    ),
    "note-railway-differs": (
        "error",
        "The note's railway is not the carrier of the first section. Make them one.",
        "运单身份中的铁路与第一区段承运人不同。请使其一致。",
    ),
    "interchange-missing": (
        "error",
        "A CIM/SMGS note names the station where the regimes meet. Add the interchange station.",
        "国际货约/国际货协运单须载明两种法律制度的转换站。请补充。",
    ),
    "interchange-off-route": (
        "warning",
        "The interchange station {code} is not among the route's stations. Correct one of them.",
        "转换站 {code} 不在经由车站之中。请更正。",
    ),
    "crossing-chain": (
        "error",
        "The border stations do not lead from {found} to {wanted}. Correct the order or the countries.",
        "国境站不能从 {found} 接到 {wanted}。请更正顺序或国家。",
    ),
    "section-chain": (
        "error",
        "The carriers' sections break at {found}; {wanted} is due. Let each begin where the last "
        "ended, from departure to destination.",
        "承运区段在 {found} 处中断，应为 {wanted}。各区段应首尾相接，自发站至到站。",
    ),
    "charge-section": (
        "error",
        "The charge is for no section of that carrier. Correct the carrier or the stations.",
        "该项费用不对应该承运人的任何区段。请更正承运人或车站。",
    ),
    "transshipment-missing": (
        "warning",
        "The route crosses between 1435 and 1520 mm and names no transshipment. Add where and how.",
        "线路跨越 1435 与 1520 毫米轨距，但未载明换装。请补充换装站和方式。",
    ),
    "transshipment-off-route": (
        "warning",
        "The transshipment station {code} is not among the route's stations. Correct one of them.",
        "换装站 {code} 不在经由车站之中。请更正。",
    ),
    "transshipment-differs": (
        "warning",
        "After transshipment {found} was found where the note says {wanted}. Ask the railway for its record.",
        "换装后为 {found}，运单为 {wanted}。请向铁路索取记录。",
    ),
    "date-order": (
        "error",
        "{later} lies before {earlier}. Correct the dates.",
        "{later} 早于 {earlier}。请更正日期。",
    ),
    "date-in-future": (
        "error",
        "The day lies more than one day ahead of today, {today}. Correct it.",
        "日期比今天（{today}）晚一天以上。请更正。",
    ),
    "journey-long": (
        "warning",
        "The journey would last {days} days. Check the dates.",
        "运输时间为 {days} 天。请核对日期。",
    ),
    "attached-after-bill": (
        "warning",
        "The attached document is dated after the bill. Check its date.",
        "随附文件日期晚于提单日期。请核对。",
    ),
}

PATTERN_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        r"^\S(.*\S)?$": ("text on one line without outer blanks", "单行文本，首尾无空格"),
        r"^[A-Z]{2}$": ("two capital letters", "两个大写字母"),
        r"^[A-Z]{3}$": ("three capital letters", "三个大写字母"),
        r"^[0-9A-Z]{2}$": ("two digits or capital letters", "两位数字或大写字母"),
        r"^[0-9A-Z]{4}$": ("four digits or capital letters", "四位数字或大写字母"),
        r"^([0-9]{2}|[0-9A-Z]{4})$": (
            "two digits, or four digits or capital letters",
            "两位数字，或四位数字、大写字母",
        ),
        r"^[0-9]{1,3}$": ("one to three digits", "一至三位数字"),
        r"^[0-9]{2}$": ("two digits", "两位数字"),
        r"^[0-9]{4}$": ("four digits", "四位数字"),
        r"^[0-9]{6}$": ("six digits", "六位数字"),
        r"^[0-9]{6,8}$": ("six to eight digits", "六至八位数字"),
        r"^[0-9]{7,12}$": ("seven to twelve digits", "七至十二位数字"),
        r"^[0-9]{8}$": ("eight digits", "八位数字"),
        r"^[A-Z]{3}[UJZ][0-9]{7}$": (
            "three letters, U, J or Z, seven digits",
            "三个字母，U、J 或 Z，七位数字",
        ),
        r"^([0-9]{7,12}|[A-Z]{3}[UJZ][0-9]{7})$": ("a wagon's or a container's number", "车号或箱号"),
        r"^[A-Z0-9]{2}[A-Z][0-9A-Z]$": ("a size and type code such as 45G1", "箱型代码，例如 45G1"),
        r"^[1-9](\.[1-6][A-Z]?)?$": ("a class such as 3 or 4.1", "类别，例如 3 或 4.1"),
        r"^[A-Z0-9][A-Z0-9/-]{2,33}[A-Z0-9]$": (
            "4 to 35 capital letters, digits, dashes and slashes",
            "4 至 35 个大写字母、数字、连字符或斜线",
        ),
        r"^[0-9A-Z]([0-9A-Z ./-]{0,22}[0-9A-Z])?$": (
            "up to 24 capital letters and digits, with blanks, dots, slashes and dashes between",
            "不超过 24 个大写字母和数字，中间可有空格、点、斜线、连字符",
        ),
    }
)
"""What a pattern of the form asks for, in English and in Chinese."""

MESSAGES: Final[Mapping[str, Message]] = MappingProxyType(
    {**_TEXT, **_FORM, **_PARTIES, **_CODES, **_CARGO, **_JOURNEY}
)
TEXT_CODES: Final = frozenset(_TEXT)
"""Codes about the text as JSON and its characters."""
FORM_CODES: Final = frozenset(_FORM)
"""Codes about the form of fields."""
