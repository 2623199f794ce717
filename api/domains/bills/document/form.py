"""The form of a railway bill of lading, "landbridge/rail-bill/1".

A bill has its own face (`bill`, `issuer`, `holder`, `clauses`, `law`), the identity of the consignment note
that it stands on (`note`), and what the note's boxes say (`consignment`). Fields are named here once; their
titles in Chinese and English and their box numbers on the CIM/SMGS and SMGS notes are in `titles`.

A field that does not apply is left out: `null` is not taken, unknown fields are refused by name. The models
are frozen; `RailBill.to_value` gives back the very JSON value that was read.

>>> from api.domains.bills.document.samples import sample
>>> RailBill.model_validate(sample("chongqing-duisburg")).note.regime
'CIM/SMGS'
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from api.domains.bills.document.scalars import (
    Amount,
    BillNumber,
    CompanyCode,
    ContainerNumber,
    Count,
    Country,
    Currency,
    Day,
    Goods6,
    Goods8,
    LineNumber,
    LongText,
    Mass,
    NoteNumber,
    PartyNumber,
    RailwayCode,
    StationCode,
    Text,
    UnitNumber,
    WagonNumber,
)

__all__ = [
    "FORMAT",
    "Attached",
    "Bilingual",
    "BillFace",
    "Carrier",
    "Charge",
    "Charges",
    "Clause",
    "Consignment",
    "Container",
    "Crossing",
    "CustomsMark",
    "DangerousGoods",
    "Duplicate",
    "GoodsLine",
    "Incoterm",
    "Law",
    "Load",
    "MassDetermination",
    "Money",
    "Name",
    "Note",
    "Packages",
    "Party",
    "RailBill",
    "References",
    "Registered",
    "Seal",
    "Section",
    "Station",
    "Totals",
    "Transshipment",
    "Wagon",
]

FORMAT = "landbridge/rail-bill/1"

ClauseSubject = Literal[
    "delivery-against-bill",
    "note-consignee",
    "transfer",
    "lien",
    "surrender",
    "liability",
    "governing-law",
    "other",
]
Regime = Literal["CIM", "SMGS", "CIM/SMGS"]
Gauge = Literal["1435", "1520"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(_Form):
    """A text in Chinese and in English."""

    zh: LongText
    en: LongText


class Name(_Form):
    """A name in at least one of Chinese, English, Russian."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"minProperties": 1})

    zh: Text | None = None
    en: Text | None = None
    ru: Text | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Name:
        if self.zh is None and self.en is None and self.ru is None:
            raise PydanticCustomError("name-empty", "no name in any language")
        return self


class Money(_Form):
    amount: Amount
    currency: Currency


class Party(_Form):
    """Someone whom the note names; `party` where the registry knows them."""

    name: Name
    party: PartyNumber | None = None
    address: Text | None = None
    country: Country | None = None
    code: Text | None = None
    contact: Text | None = None


class Registered(_Form):
    """A party of the registry."""

    party: PartyNumber
    name: Name
    address: Text | None = None
    country: Country | None = None


class BillFace(_Form):
    number: BillNumber
    to_order: StrictBool
    originals: Annotated[Count, Field(ge=1, le=99)]
    issued_at: Bilingual
    issued_on: Day


class Duplicate(_Form):
    """Who holds the note's duplicate, the sheet that carries the right to redirect the goods."""

    held_by: Literal["issuer", "delivery-agent", "bank", "holder", "consignor", "other"]
    name: Name | None = None


class Note(_Form):
    """Which consignment note the bill stands on."""

    regime: Regime
    railway: RailwayCode
    country: Country
    station: StationCode
    number: NoteNumber
    date: Day
    duplicate: Duplicate


class Station(_Form):
    code: StationCode
    country: Country
    name: Bilingual


class Crossing(_Form):
    """A border: the last station of one country and the first of the next."""

    exit: Station
    entry: Station


class Carrier(_Form):
    code: CompanyCode
    name: Name
    party: PartyNumber | None = None


class Section(_Form):
    """The part of the way that one carrier performs, between two stations by their codes."""

    carrier: Carrier
    from_station: StationCode
    to_station: StationCode


class Wagon(_Form):
    number: WagonNumber
    railway: Annotated[str, Field(pattern=r"^[0-9]{2}$")]
    gauge: Gauge
    provided_by: Literal["carrier", "consignor"]
    axles: Annotated[Count, Field(ge=2, le=32)] | None = None
    capacity_kg: Mass | None = None
    tare_kg: Mass | None = None
    tank_type: Text | None = None


class Transshipment(_Form):
    """What was done where the gauge changes; masses and packages as found there."""

    station: StationCode
    method: Literal["reload", "bogie-change", "variable-gauge"]
    from_gauge: Gauge
    to_gauge: Gauge
    gross_mass_kg: Mass | None = None
    packages: Count | None = None


class Container(_Form):
    number: ContainerNumber
    size_type: Annotated[str, Field(pattern=r"^[A-Z0-9]{2}[A-Z][0-9A-Z]$")]
    tare_kg: Mass
    max_gross_kg: Mass | None = None
    wagon: WagonNumber | None = None


class Seal(_Form):
    number: Text
    unit: UnitNumber
    placed_by: Literal["consignor", "carrier", "customs"]


class Packages(_Form):
    """Kind by UN/ECE Recommendation 21; in bulk the count is 0."""

    kind: Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")]
    count: Count


class Load(_Form):
    """The part of a goods line that one wagon or container carries."""

    unit: UnitNumber
    packages: Count
    gross_mass_kg: Mass


class DangerousGoods(_Form):
    un_number: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    hazard_class: Annotated[str, Field(pattern=r"^[1-9](\.[1-6][A-Z]?)?$")]
    packing_group: Literal["I", "II", "III"] | None = None


class GoodsLine(_Form):
    line: LineNumber
    description: Bilingual
    hs: Goods6
    nhm: Goods8 | None = None
    gng: Goods8 | None = None
    packages: Packages
    unit_mass_kg: Mass | None = None
    gross_mass_kg: Mass
    net_mass_kg: Mass | None = None
    marks: Text | None = None
    value: Money | None = None
    dangerous: DangerousGoods | None = None
    loads: Annotated[tuple[Load, ...], Field(min_length=1, max_length=200)]


class Totals(_Form):
    packages: Count
    gross_mass_kg: Mass
    value: Money | None = None


class MassDetermination(_Form):
    method: Literal["weighbridge", "scales", "standard-mass", "measurement", "declared"]
    by: Literal["consignor", "carrier"]


class Attached(_Form):
    """A document attached by the consignor; `code` by UN/EDIFACT 1001."""

    code: Annotated[str, Field(pattern=r"^[0-9]{1,3}$")]
    title: Bilingual
    number: Text
    date: Day | None = None
    copies: Annotated[Count, Field(ge=1, le=99)] = 1


class References(_Form):
    """What the note carries without binding the carrier."""

    supply_contract: Text | None = None
    consignor_reference: Text | None = None
    remarks: LongText | None = None


class Charge(_Form):
    """Carriage charges of one carrier's section and who pays them."""

    carrier: CompanyCode
    from_station: StationCode
    to_station: StationCode
    payer: Literal["consignor", "consignee", "third-party"]
    payer_name: Name | None = None
    amount: Money


class Charges(_Form):
    lines: Annotated[tuple[Charge, ...], Field(min_length=1, max_length=50)]
    totals: Annotated[tuple[Money, ...], Field(min_length=1, max_length=10)]


class Incoterm(_Form):
    code: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    edition: Literal["2020"]
    place: Text


class CustomsMark(_Form):
    country: Country
    office: Text
    text: Text
    date: Day | None = None


class Consignment(_Form):
    """What the boxes of the consignment note say."""

    consignor: Party
    consignee: Party
    notify: Annotated[tuple[Party, ...], Field(max_length=3)] = ()
    departure: Station
    destination: Station
    crossings: Annotated[tuple[Crossing, ...], Field(max_length=12)] = ()
    interchange: Station | None = None
    route: Bilingual | None = None
    declarations: Annotated[tuple[Bilingual, ...], Field(max_length=20)] = ()
    contractual_carrier: Carrier
    sections: Annotated[tuple[Section, ...], Field(min_length=1, max_length=20)]
    wagons: Annotated[tuple[Wagon, ...], Field(max_length=150)] = ()
    containers: Annotated[tuple[Container, ...], Field(max_length=150)] = ()
    seals: Annotated[tuple[Seal, ...], Field(max_length=600)] = ()
    transshipments: Annotated[tuple[Transshipment, ...], Field(max_length=10)] = ()
    goods: Annotated[tuple[GoodsLine, ...], Field(min_length=1, max_length=300)]
    totals: Totals
    dangerous: StrictBool
    loaded_by: Literal["consignor", "carrier"]
    mass_determination: MassDetermination
    attached: Annotated[tuple[Attached, ...], Field(max_length=50)] = ()
    references: References | None = None
    charges: Charges
    incoterm: Incoterm | None = None
    declared_value: Money | None = None
    customs_marks: Annotated[tuple[CustomsMark, ...], Field(max_length=30)] = ()
    contract_date: Day
    expected_arrival: Day
    arrived_on: Day | None = None


class Clause(_Form):
    """A clause on the back of the bill."""

    number: LineNumber
    subject: ClauseSubject
    zh: LongText
    en: LongText


class Law(_Form):
    """The law that governs the bill, and who decides disputes."""

    country: Country
    forum: Bilingual


class RailBill(_Form):
    """A railway bill of lading.

    `holder` may be absent in the form so that a bill to bearer is refused by its own name in the checks.
    """

    format: Literal["landbridge/rail-bill/1"]
    bill: BillFace
    issuer: Registered
    holder: Registered | None = None
    delivery_agent: Party | None = None
    note: Note
    consignment: Consignment
    clauses: Annotated[tuple[Clause, ...], Field(min_length=1, max_length=60)]
    law: Law

    def to_value(self) -> dict[str, Any]:
        """Give the JSON value that was read: fields left out stay out."""
        return self.model_dump(mode="json", exclude_unset=True)
