"""Code lists that a bill is checked against; facts, each with its source.

Lists that change are as of 2026-11: when one changes, a check's verdict on a new bill changes, and that is
why a bill's digest never depends on them.

>>> UIC_COUNTRY["27"], "KZT" in CURRENCY_DECIMALS, "RU" in BROAD_GAUGE
('KZ', True, True)
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

__all__ = [
    "BROAD_GAUGE",
    "BULK_KINDS",
    "COUNTRIES",
    "CURRENCY_DECIMALS",
    "ESR_COUNTRIES",
    "INCOTERMS",
    "MARITIME_INCOTERMS",
    "PACKAGE_KINDS",
    "UIC_COUNTRY",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UIC = (
    "10:FI 20:RU 21:BY 22:UA 23:MD 24:LT 25:LV 26:EE 27:KZ 28:GE 29:UZ 30:KP 31:MN 32:VN 33:CN 34:LA "
    "40:CU 41:AL 42:JP 44:BA 49:BA 50:BA 51:PL 52:BG 53:RO 54:CZ 55:HU 56:SK 57:AZ 58:AM 59:KG 60:IE "
    "61:KR 62:ME 65:MK 66:TJ 67:TM 68:AF 70:GB 71:ES 72:RS 73:GR 74:SE 75:TR 76:NO 78:HR 79:SI 80:DE "
    "81:AT 82:LU 83:IT 84:NL 85:CH 86:DK 87:FR 88:BE 89:TZ 90:EG 91:TN 92:DZ 93:MA 94:PT 95:IL 96:IR "
    "97:SY 98:LB 99:IQ "
)
UIC_COUNTRY: Final = MappingProxyType(dict(pair.split(":") for pair in _UIC.split()))
"""Two-digit railway administration and country codes (UIC/OSJD leaflet 920-14, table of 2024) to ISO 3166."""

ESR_COUNTRIES: Final = _words("AM AZ BY EE GE KG KZ LT LV MD RU TJ TM UA UZ")
"""Countries whose freight stations bear the six-digit ESR code (Tariff Guide No. 4 of the Council for Rail
Transport)."""

BROAD_GAUGE: Final = ESR_COUNTRIES | {"MN", "FI"}
"""Countries whose main network is 1520 mm (Finland: 1524 mm, worked with the same wagons)."""

COUNTRIES: Final = _words(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT "
    "BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH "
    "ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT "
    "HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
    "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
    "NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG "
    "SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG "
    "UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "
)
"""ISO 3166-1 alpha-2."""

_TWO_DECIMALS = _words(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR "
    "MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG "
    "SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES "
    "WST XCD XCG YER ZAR ZMW ZWG "
)
_NO_DECIMALS = _words("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
_THREE_DECIMALS = _words("BHD IQD JOD KWD LYD OMR TND")
CURRENCY_DECIMALS: Final = MappingProxyType(
    {
        **dict.fromkeys(_TWO_DECIMALS, 2),
        **dict.fromkeys(_NO_DECIMALS, 0),
        **dict.fromkeys(_THREE_DECIMALS, 3),
    }
)
"""ISO 4217 currencies that money is paid in, with the decimals of their minor unit; no metals, funds or
test codes."""

INCOTERMS: Final = _words("EXW FCA CPT CIP DAP DPU DDP FAS FOB CFR CIF")
"""Incoterms 2020 of the International Chamber of Commerce."""
MARITIME_INCOTERMS: Final = _words("FAS FOB CFR CIF")
"""Those that Incoterms 2020 keeps for sea and inland waterway."""

BULK_KINDS: Final = _words("VG VL VO VQ VR VY")
"""Goods in bulk, which have no packages to count (UN/ECE Recommendation 21)."""
PACKAGE_KINDS: Final = BULK_KINDS | _words(
    "1A 1B 1D 1G 1W 3A 3H 43 44 4A 4B 4C 4D 4F 4G 4H 5H 5L 5M 6H 6P AE AI AL AM AP BA BB BC BD BE BF BG "
    "BH BI BJ BK BL BM BN BO BP BQ BR BS BT BU BV BW BX BY BZ CA CB CC CD CE CF CG CH CI CJ CK CL CM CN "
    "CO CP CQ CR CS CT CU CV CW CX CY CZ DA DB DC DG DH DI DJ DK DL DM DN DP DR DS DT DU DV DW DX DY EC "
    "ED EE EF EG EH EI EN FB FC FD FE FI FL FO FP FR FT FW FX GB GI GL GR GU GY GZ HA HB HC HG HN HR IA "
    "IB IC ID IE IF IG IH IK IL IN IZ JB JC JG JR JT JY KG KI LE LG LT LU LV LZ MA MB MC ME MR MS MT MW "
    "MX NA NE NF NG NS NT NU NV OA OB OC OD OE OF OK OT OU P2 PA PB PC PD PE PF PG PH PI PJ PK PL PN PO "
    "PP PR PT PU PV PX PY PZ QA QB QC QD QF QG QH QJ QK QL QM QN QP QQ QR QS RD RG RJ RK RL RO RT RZ S1 "
    "SA SB SC SD SE SH SI SK SL SM SO SP SS ST SU SV SW SX SY SZ T1 TB TC TD TE TG TI TK TL TN TO TR TS "
    "TT TU TV TW TY TZ UC UN VA VI VK VN VP WA WB WC WD WF WG WH WJ WK WL WM WN WP WQ WR WS WT WU WV WW "
    "WX WY WZ X3 XA XB XC XD XF XG XH XJ XK YA YB YC YD YF YG YH YJ YK YL YM YN YP YQ YR YS YT YV YW YX "
    "YY YZ ZA ZB ZC ZD ZF ZG ZH ZJ ZK ZL ZM ZN ZP ZQ ZR ZS ZT ZU ZV ZW ZX ZY ZZ "
)
"""Package kinds of UN/ECE Recommendation 21."""
