"""Check digits of the numbers painted on wagons and containers and of the codes of stations.

- Container, four letters and seven digits: modulus 11 (ISO 6346; python-stdnum).
- Wagon, twelve digits: the last is by Luhn over the first eleven; digits 3 and 4 are the UIC country
  (UIC 438-2).
- Wagon of 1520 mm, eight digits: weights 2, 1, 2, 1, 2, 1, 2, digits summed, complement to ten, which is Luhn
  again ("Eight-digit numbering of freight wagons of 1520 mm gauge", in force since 2005).
- Wagon of China, seven digits: no check digit.
- Station in the ESR, six digits: weights 1 to 5, modulus 11; where 10 remains, weights 3 to 7; where 10
  remains again, 0 (Tariff Guide No. 4).
- Station, eight digits, of which two are the UIC country and the last is by Luhn over the five between
  (UIC 920-2).

The rules were held against published codes and worked examples, which are among the tests' vectors.

>>> luhn("2181247121"+"7"), esr_check("69000"), esr_check("69020")
('3', '2', '0')
"""

from __future__ import annotations

from stdnum import iso6346

from api.domains.bills.document.codes import ESR_COUNTRIES, UIC_COUNTRY

__all__ = ["container_is_sound", "esr_check", "luhn", "station_fault", "wagon_fault"]


def luhn(digits: str) -> str:
    """Give the Luhn check digit for a run of digits: weights 2 and 1 from the right, digits summed."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        product = int(digit) * (2 if place % 2 == 0 else 1)
        total += product // 10 + product % 10
    return str(-total % 10)


def esr_check(five: str) -> str:
    """Give the sixth digit of an ESR station code from its first five."""
    for first_weight in (1, 3):
        rest = sum(int(digit) * weight for weight, digit in enumerate(five, first_weight)) % 11
        if rest < 10:
            return str(rest)
    return "0"


def container_is_sound(number: str) -> bool:
    """Tell whether a container number's check digit holds (ISO 6346)."""
    return bool(iso6346.is_valid(number))


def wagon_fault(number: str, railway: str) -> str | None:
    """Name what is wrong with a wagon's number, or give None.

    :param number: digits only
    :param railway: two-digit code of the railway that owns or registers it
    """
    if len(number) == 7:
        return None if railway == "33" else "wagon-number"
    if len(number) == 8:
        # 0 is passenger stock and 1 are locomotives in the eight-digit system.
        if number[0] in "01":
            return "wagon-number"
    elif len(number) == 12:
        if number[2:4] not in UIC_COUNTRY:
            return "wagon-number"
    else:
        return "wagon-number"
    return None if luhn(number[:-1]) == number[-1] else "wagon-check-digit"


def station_fault(code: str, country: str) -> str | None:
    """Name what is wrong with a station's code in its country, or give None.

    :param code: six to eight digits
    :param country: ISO 3166-1 alpha-2
    """
    if country not in UIC_COUNTRY.values():
        return "station-country"
    if len(code) == 6:
        sound = country not in ESR_COUNTRIES or esr_check(code[:5]) == code[5]
        return None if sound else "station-check-digit"
    if country in ESR_COUNTRIES:
        return "station-scheme"
    if UIC_COUNTRY.get(code[:2]) != country:
        return "station-country"
    if len(code) == 8 and luhn(code[2:7]) != code[7]:
        return "station-check-digit"
    return None
