"""Check digits against published numbers, and the code lists against each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.domains.bills.document.checkdigits import (
    container_is_sound,
    esr_check,
    luhn,
    station_fault,
    wagon_fault,
)
from api.domains.bills.document.codes import (
    BROAD_GAUGE,
    BULK_KINDS,
    COUNTRIES,
    CURRENCY_DECIMALS,
    ESR_COUNTRIES,
    INCOTERMS,
    MARITIME_INCOTERMS,
    PACKAGE_KINDS,
    UIC_COUNTRY,
)

VECTORS = Path(__file__).parents[4] / "vectors" / "bills"
PUBLISHED: dict[str, list[str]] = json.loads((VECTORS / "check-digits.json").read_text(encoding="utf-8"))


def others(number: str) -> list[str]:
    return [number[:-1] + digit for digit in "0123456789" if digit != number[-1]]


@pytest.mark.parametrize("number", PUBLISHED["luhn_wagons"] + PUBLISHED["wagons_1520"])
def test_published_wagons(number: str) -> None:
    assert wagon_fault(number, "27") is None
    assert {wagon_fault(one, "27") for one in others(number)} == {"wagon-check-digit"}


@pytest.mark.parametrize("code", PUBLISHED["esr_stations"])
def test_published_stations_of_the_1520_network(code: str) -> None:
    assert esr_check(code[:5]) == code[5]
    assert station_fault(code, "KZ") is None
    assert {station_fault(one, "KZ") for one in others(code)} == {"station-check-digit"}


@pytest.mark.parametrize("code", PUBLISHED["uic_stations"])
def test_published_stations_of_the_west(code: str) -> None:
    country = UIC_COUNTRY[code[:2]]
    assert station_fault(code, country) is None
    assert station_fault(code[:7], country) is None
    assert {station_fault(one, country) for one in others(code)} == {"station-check-digit"}


@pytest.mark.parametrize("number", PUBLISHED["containers"])
def test_published_containers(number: str) -> None:
    assert container_is_sound(number)
    assert not any(container_is_sound(one) for one in others(number))


def test_a_remainder_of_ten_takes_the_other_weights_and_then_zero() -> None:
    # 6+18+0+8+0 = 32 leaves 10; 18+36+0+12+0 = 66 leaves 0 (Sorokovaya, 690200).
    assert esr_check("69020") == "0"
    twice = next(
        five
        for five in (f"{number:05}" for number in range(100_000))
        if sum(int(d) * w for w, d in enumerate(five, 1)) % 11 == 10
        and sum(int(d) * w for w, d in enumerate(five, 3)) % 11 == 10
    )
    assert esr_check(twice) == "0"


def test_stations_outside_the_1520_network_have_no_known_digit_among_six() -> None:
    assert station_fault("531308", "CN") is None
    assert station_fault("531309", "CN") is None


@pytest.mark.parametrize(
    ("code", "country", "fault"),
    [
        ("690002", "IS", "station-country"),
        ("80284100", "PL", "station-country"),
        ("99999990", "CN", "station-country"),
        ("2769000", "KZ", "station-scheme"),
        ("27690008", "KZ", "station-scheme"),
    ],
)
def test_stations_in_the_wrong_country_or_scheme(code: str, country: str, fault: str) -> None:
    assert station_fault(code, country) == fault


@pytest.mark.parametrize(
    ("number", "railway"),
    [
        ("5240117", "27"),
        ("02345678", "27"),
        ("12345678", "27"),
        ("123456789", "27"),
        ("211724712173", "80"),
    ],
)
def test_numbers_that_are_no_freight_wagons(number: str, railway: str) -> None:
    assert wagon_fault(number, railway) == "wagon-number"


def test_wagons_of_china_have_no_check_digit() -> None:
    assert wagon_fault("5240117", "33") is None
    assert wagon_fault("5240118", "33") is None


def test_luhn_of_nothing_is_zero() -> None:
    assert luhn("") == "0"


def test_code_lists_fit_together() -> None:
    assert set(UIC_COUNTRY.values()) <= COUNTRIES
    assert ESR_COUNTRIES < BROAD_GAUGE < COUNTRIES
    assert BULK_KINDS < PACKAGE_KINDS
    assert MARITIME_INCOTERMS < INCOTERMS
    assert len(INCOTERMS) == 11
    assert len(COUNTRIES) == 249
    assert (CURRENCY_DECIMALS["JPY"], CURRENCY_DECIMALS["KZT"], CURRENCY_DECIMALS["KWD"]) == (0, 2, 3)
    assert all(len(code) == 3 and code.isupper() for code in CURRENCY_DECIMALS)
