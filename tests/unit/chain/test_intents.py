"""Intents: the same digests as eth-account and the contracts, and nothing malformed gets through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from api.domains.bills.contract import RAIL_BILL_ACTS
from api.kernel.party_acts import PARTY_ACTS
from chain.intents import (
    DETAIL,
    FLAG,
    Act,
    ActField,
    ActType,
    Address,
    BadSignatureError,
    Bits,
    Domain,
    IntentError,
    Signature,
    act_from_message,
    act_from_wire,
    address_of,
    keccak,
    recover,
)
from chain.signers import KeySigner
from tests.chainlab import ADMIT, FAR, GRANT_ROLE, ISSUE, TRANSFER, VOID, transfer
from tests.conftest import ROOT

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DOMAIN = Domain("Landbridge RailBills", "1", 20777, Address("0x" + "ab" * 20))
SIGNER = KeySigner(keccak(b"signer"))
TYPES = (ISSUE, TRANSFER, VOID)


def eth_account_digest(typed_data: dict[str, Any]) -> bytes:
    message = encode_typed_data(full_message=typed_data)
    return keccak(b"\x19" + message.version + message.header + message.body)


words = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: Address("0x" + raw.hex()))
names = st.from_regex(r"[a-z][a-zA-Z0-9]{0,8}", fullmatch=True)


def values_of(type_: str) -> st.SearchStrategy[Any]:
    if type_ == "bytes32":
        return words
    if type_ == "bool":
        return st.booleans()
    if type_ == "address":
        return addresses
    return st.integers(0, (1 << int(type_[4:])) - 1)


@st.composite
def acts(draw: st.DrawFn) -> Act:
    """Any act of any shape that fits five words."""
    taken = {"sequence", "deadline"}
    subject = draw(st.none() | st.sampled_from(["bytes32", "uint32", "uint256"]))
    fields: list[ActField] = []
    offset, places = 0, {DETAIL, FLAG}
    subject_name = draw(names.filter(lambda n: n not in taken)) if subject else None
    taken |= {subject_name} if subject_name else set()
    for _ in range(draw(st.integers(0, 4))):
        type_ = draw(st.sampled_from(["bytes32", "bool", "address", "uint8", "uint32", "uint48"]))
        width = {"bool": 1, "address": 160}.get(type_) or (int(type_[4:]) if type_[0] == "u" else 0)
        place: Any
        if type_ == "bytes32" and DETAIL in places:
            place = DETAIL
        elif type_ == "bool" and FLAG in places:
            place = FLAG
        elif width and offset + width <= 160:
            place = Bits(offset, width)
            offset += width
        else:
            continue
        places.discard(place)
        name = draw(names.filter(lambda n: n not in taken))
        taken.add(name)
        fields.append(ActField(name, type_, place))
    pair = (subject_name, subject) if subject and subject_name else None
    shape = ActType("Act" + draw(names), draw(st.integers(1, 255)), pair, tuple(fields))
    value = draw(values_of(subject)) if subject else bytes(32)
    return Act(
        shape,
        value if isinstance(value, bytes) else value.to_bytes(32, "big"),
        draw(values_of("uint32")),
        draw(values_of("uint48")),
        {f.name: draw(values_of(f.type)) for f in fields},
    )


domains = st.builds(
    Domain,
    st.text(max_size=20).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)),
    st.text(alphabet="0123456789.", max_size=5),
    st.integers(0, (1 << 64) - 1),
    addresses,
)


class TestDigests:
    @given(acts(), domains)
    def test_they_are_those_of_eth_account(self, act: Act, domain: Domain) -> None:
        typed_data = act.typed_data(domain)
        json.dumps(typed_data)
        assert act.digest(domain) == eth_account_digest(typed_data)

    @given(acts(), domains)
    def test_a_wallets_signature_is_the_signers(self, act: Act, domain: Domain) -> None:
        signed = Account.sign_typed_data(keccak(b"signer"), full_message=act.typed_data(domain))
        assert recover(act.digest(domain), Signature.from_rsv(signed.signature)) == SIGNER.address
        assert SIGNER.sign(act.digest(domain)) == Signature.from_rsv(signed.signature)

    @pytest.mark.parametrize(
        "other",
        [
            Domain("Landbridge RailBills!", "1", 20777, DOMAIN.verifying_contract),
            Domain("Landbridge RailBills", "2", 20777, DOMAIN.verifying_contract),
            Domain("Landbridge RailBills", "1", 20778, DOMAIN.verifying_contract),
            Domain("Landbridge RailBills", "1", 20777, Address("0x" + "ac" * 20)),
        ],
    )
    def test_a_signature_is_good_in_one_domain_only(self, other: Domain) -> None:
        act, _ = transfer(1, 1)
        signature = SIGNER.sign(act.digest(DOMAIN))
        assert recover(act.digest(DOMAIN), signature) == SIGNER.address
        assert recover(act.digest(other), signature) != SIGNER.address

    def test_outside_vectors(self, outside_vectors: Path) -> None:
        vector = json.loads((outside_vectors / "vault/eip712/eip712-spec-mail-vector.json").read_text())
        about, expected = vector["typedData"]["domain"], vector["expected"]
        domain = Domain(about["name"], about["version"], about["chainId"], about["verifyingContract"])
        assert "0x" + domain.separator.hex() == expected["domainSeparator"]
        digest = keccak(b"\x19\x01" + domain.separator + bytes.fromhex(expected["structHash"][2:]))
        assert "0x" + digest.hex() == expected["digest"]
        raw = bytes.fromhex(expected["r"][2:] + expected["s"][2:]) + bytes([expected["v"]])
        assert recover(digest, Signature.from_rsv(raw)) == expected["address"]
        assert KeySigner(keccak(b"cow")).sign(digest) == Signature.from_rsv(raw)


VECTORS = json.loads((ROOT / "tests/vectors/intents.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["intents"], ids=lambda v: f"{v['contract']}.{v['act']}")
class TestVectors:
    """One signed act of every kind, made by eth-account, which the contracts' tests read too."""

    def act_and_domain(self, vector: dict[str, Any]) -> tuple[Act, Domain]:
        shapes = {"Parties": PARTY_ACTS, "RailBills": RAIL_BILL_ACTS}[vector["contract"]]
        about = VECTORS["domains"][vector["contract"]]
        domain = Domain(about["name"], about["version"], about["chainId"], about["verifyingContract"])
        return act_from_message(shapes, vector["act"], vector["message"]), domain

    def test_digest(self, vector: dict[str, Any]) -> None:
        act, domain = self.act_and_domain(vector)
        assert act.type.kind == vector["kind"]
        assert "0x" + domain.separator.hex() == vector["domainSeparator"]
        assert "0x" + act.struct_hash.hex() == vector["structHash"]
        assert "0x" + act.digest(domain).hex() == vector["digest"]
        members = act.typed_data(domain)["types"][vector["act"]]
        assert members == vector["types"][vector["act"]]

    def test_signatures_and_wire(self, vector: dict[str, Any]) -> None:
        act, domain = self.act_and_domain(vector)
        key = VECTORS["keys"][vector["signer"]]
        signature = Signature.from_rsv(bytes.fromhex(vector["signature"][2:]))
        assert KeySigner(bytes.fromhex(key["private"][2:])).sign(act.digest(domain)) == signature
        assert recover(act.digest(domain), signature) == key["address"].lower()
        words = vector["wire"]
        subject, head, detail, r, vs = act.wire(signature, cosigners=len(vector["cosignatures"]))
        assert ["0x" + word.hex() for word in (subject, detail, r, vs)] == [
            words[name] for name in ("subject", "detail", "r", "vs")
        ]
        assert f"0x{head:064x}" == words["head"]


class TestWire:
    @given(acts(), st.integers(0, 127), st.binary(min_size=64, max_size=64))
    def test_there_and_back(self, act: Act, cosigners: int, raw: bytes) -> None:
        signature = Signature(raw[:32], raw[32:])
        wire = act.wire(signature, cosigners=cosigners)
        assert wire[1] < 1 << 256
        found, first, count = act_from_wire([act.type], wire)
        assert (found.type, found.subject, found.sequence, found.deadline) == (
            act.type,
            act.subject,
            act.sequence,
            act.deadline,
        )
        assert found.values == act.values
        assert (first, count) == (signature, cosigners)
        assert found.digest(DOMAIN) == act.digest(DOMAIN)

    @given(acts(), st.integers(96, 255))
    def test_unused_bits_are_refused(self, act: Act, bit: int) -> None:
        subject, head, detail, r, vs = act.wire(Signature(bytes(32), bytes(32)))
        used = 0
        for f in act.type.fields:
            if isinstance(f.place, Bits):
                used |= ((1 << f.place.width) - 1) << 96 + f.place.offset
        if used >> bit & 1:
            return
        with pytest.raises(IntentError):
            act_from_wire([act.type], (subject, head | 1 << bit, detail, r, vs))

    def test_unused_detail_and_flag_are_refused(self) -> None:
        act, _ = transfer(1, 1)
        subject, head, detail, r, vs = act.wire(Signature(bytes(32), bytes(32)))
        with pytest.raises(IntentError):
            act_from_wire(TYPES, (subject, head, b"\1".rjust(32, b"\0"), r, vs))
        with pytest.raises(IntentError):
            act_from_wire(TYPES, (subject, head | 1 << 15, detail, r, vs))
        with pytest.raises(IntentError):
            act_from_wire(TYPES, (subject, head ^ 0xFF, detail, r, vs))

    def test_the_head_is_laid_out_as_the_contracts_read_it(self) -> None:
        key = Address("0x" + "12" * 20)
        act = Act(
            ADMIT,
            bytes(32),
            0x01020304,
            0x050607080910,
            {"rulebook": bytes(32), "key": key, "custodial": True},
        )
        assert f"{act.head(cosigners=3):064x}" == "12" * 20 + "050607080910" + "01020304" + "83" + "01"
        roles = {"role": 0xEE, "from": 0x1, "until": 0x2}
        act = Act(GRANT_ROLE, bytes(32), 0, 0, roles)
        assert act.head(cosigners=0) >> 96 == 0xEE | 1 << 8 | 2 << 56

    @pytest.mark.parametrize("cosigners", [-1, 128])
    def test_more_cosigners_than_a_head_names_are_refused(self, cosigners: int) -> None:
        with pytest.raises(IntentError):
            transfer(1, 1)[0].wire(Signature(bytes(32), bytes(32)), cosigners=cosigners)


class TestSignatures:
    DIGEST = keccak(b"digest")

    def test_all_spellings_of_one_signature(self) -> None:
        signature = SIGNER.sign(self.DIGEST)
        rsv = signature.rsv
        assert rsv[64] in (27, 28)
        zero_based = rsv[:64] + bytes([rsv[64] - 27])
        compact = signature.r + signature.vs
        spellings = {Signature.from_rsv(raw) for raw in (rsv, zero_based, compact)}
        assert spellings == {signature}
        assert recover(self.DIGEST, signature) == SIGNER.address

    @pytest.mark.parametrize("v", [2, 26, 29, 255])
    def test_other_recovery_ids_are_refused(self, v: int) -> None:
        with pytest.raises(BadSignatureError):
            Signature.from_rsv(SIGNER.sign(self.DIGEST).rsv[:64] + bytes([v]))

    @pytest.mark.parametrize("length", [0, 63, 66, 130])
    def test_other_lengths_are_refused(self, length: int) -> None:
        with pytest.raises(BadSignatureError):
            Signature.from_rsv(bytes(length))

    def test_high_s_is_refused_in_every_spelling(self) -> None:
        rsv = SIGNER.sign(self.DIGEST).rsv
        s = ORDER - int.from_bytes(rsv[32:64], "big")
        v = 55 - rsv[64]
        high = rsv[:32] + s.to_bytes(32, "big") + bytes([v])
        with pytest.raises(BadSignatureError):
            Signature.from_rsv(high)
        for flag in (0, 1):
            compact = (s % (1 << 255) | flag << 255).to_bytes(32, "big")
            if s < 1 << 255:
                with pytest.raises(BadSignatureError):
                    Signature.from_rsv(rsv[:32] + compact)
                with pytest.raises(BadSignatureError):
                    recover(self.DIGEST, Signature(rsv[:32], compact))
        with pytest.raises(BadSignatureError):
            Signature.from_rsv(rsv[:32] + b"\xff" * 32 + b"\1")

    @pytest.mark.parametrize("r", [0, ORDER, (1 << 256) - 1, 5])
    def test_what_no_key_gives_is_refused(self, r: int) -> None:
        with pytest.raises(BadSignatureError):
            recover(self.DIGEST, Signature(r.to_bytes(32, "big"), (1).to_bytes(32, "big")))
        with pytest.raises(BadSignatureError):
            recover(self.DIGEST, Signature(self.DIGEST, bytes(32)))

    def test_an_address_is_of_either_spelling_of_a_key(self) -> None:
        import coincurve

        raw = coincurve.PrivateKey(keccak(b"signer")).public_key.format(compressed=False)
        assert address_of(raw) == address_of(raw[1:]) == SIGNER.address
        assert SIGNER.address == Account.from_key(keccak(b"signer")).address.lower()


class TestRefusals:
    MESSAGE: dict[str, Any] = {  # noqa: RUF012
        "bill": "0x" + "11" * 32,
        "sequence": 0,
        "deadline": FAR,
        "note": "0x" + "22" * 32,
        "holder": 2,
        "toOrder": True,
    }

    def test_a_message_becomes_its_act(self) -> None:
        act = act_from_message(TYPES, "Issue", self.MESSAGE)
        assert act.subject == b"\x11" * 32
        assert act.values == {"note": b"\x22" * 32, "holder": 2, "toOrder": True}
        assert act.typed_data(DOMAIN)["message"] == self.MESSAGE
        role = act_from_message(
            [GRANT_ROLE],
            "GrantRole",
            {"party": 7, "sequence": 1, "deadline": 2, "role": 1, "from": 0, "until": 0},
        )
        assert role.subject == (7).to_bytes(32, "big")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("bill", "0x" + "11" * 31),
            ("bill", "0x" + "zz" * 32),
            ("bill", "0x " + "11" * 31 + "1"),
            ("bill", "11" * 33),
            ("bill", 5),
            ("bill", None),
            ("sequence", -1),
            ("sequence", 1 << 32),
            ("sequence", "1"),
            ("sequence", 1.0),
            ("sequence", True),
            ("deadline", 1 << 48),
            ("deadline", None),
            ("note", "0x"),
            ("holder", 1 << 32),
            ("holder", []),
            ("toOrder", 1),
            ("toOrder", "true"),
        ],
    )
    def test_a_field_out_of_its_range_is_named(self, field: str, value: object) -> None:
        with pytest.raises(IntentError) as refused:
            act_from_message(TYPES, "Issue", self.MESSAGE | {field: value})
        assert refused.value.params["field"] == field

    @pytest.mark.parametrize("field", sorted(MESSAGE))
    def test_a_missing_field_is_named(self, field: str) -> None:
        with pytest.raises(IntentError, match="missing") as refused:
            act_from_message(TYPES, "Issue", {k: v for k, v in self.MESSAGE.items() if k != field})
        assert refused.value.params == {"field": field}

    def test_an_unknown_field_is_named(self) -> None:
        with pytest.raises(IntentError, match="unknown") as refused:
            act_from_message(TYPES, "Issue", self.MESSAGE | {"extra": 1})
        assert refused.value.params == {"field": "extra"}

    def test_an_unknown_act_is_named(self) -> None:
        with pytest.raises(IntentError) as refused:
            act_from_message(TYPES, "Steal", self.MESSAGE)
        assert refused.value.params == {"act": "Steal"}

    @pytest.mark.parametrize(
        "address",
        [
            "0x" + "12" * 19 + "  ",
            "0x" + "12" * 19,
            "12" * 21,
            "0x" + "1g" * 20,
            "0x" + "१२" * 10 + "12" * 10,
            7,
        ],
    )
    def test_an_address_is_forty_digits(self, address: object) -> None:
        with pytest.raises(IntentError):
            Act(ADMIT, bytes(32), 0, 0, {"rulebook": bytes(32), "key": address, "custodial": False})

    @pytest.mark.parametrize("values", [{}, {"to": 1, "more": 2}, {"to": "1"}, {"to": 1 << 32}])
    def test_an_act_cannot_be_made_malformed(self, values: dict[str, Any]) -> None:
        with pytest.raises(IntentError):
            Act(TRANSFER, bytes(32), 1, 1, values)

    @pytest.mark.parametrize("subject", [b"", bytes(31), bytes(33)])
    def test_a_subject_is_a_word(self, subject: bytes) -> None:
        with pytest.raises(IntentError):
            Act(TRANSFER, subject, 1, 1, {"to": 1})

    def test_a_partys_number_has_its_type(self) -> None:
        with pytest.raises(IntentError):
            Act(GRANT_ROLE, (1 << 32).to_bytes(32, "big"), 1, 1, {"role": 1, "from": 1, "until": 1})
