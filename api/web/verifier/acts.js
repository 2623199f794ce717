// Acts on a bill as they are signed (EIP-712, contracts/bills/IRailBills.sol), and their entries in the log.
//
//     const act = Landbridge.act("Transfer", bill, { sequence: 1, deadline: 2000000000, to: 7 });
//     Landbridge.hex(Landbridge.actDigest(act, Landbridge.billsDomain(chainId, contract)))
"use strict";
(function (lb) {
  const HEAD = [["bill", "bytes32"], ["sequence", "uint32"], ["deadline", "uint48"]];
  const FIELDS = {
    Issue: [["note", "bytes32"], ["holder", "uint32"], ["toOrder", "bool"]],
    Transfer: [["to", "uint32"]],
    Offer: [["to", "uint32"], ["expiry", "uint48"]],
    AcceptOffer: [],
    DeclineOffer: [],
    WithdrawOffer: [],
    Surrender: [],
    WithdrawSurrender: [],
    AcceptSurrender: [],
    RefuseSurrender: [["reason", "bytes32"]],
    Deliver: [["evidence", "bytes32"]],
    Void: [["reason", "bytes32"]],
  };

  const hash = (text) => lb.keccak(lb.utf8(text));
  const TYPE_HASHES = new Map(Object.entries(FIELDS).map(([name, fields]) => {
    const members = [...HEAD, ...fields].map(([member, kind]) => `${kind} ${member}`);
    return [name, hash(`${name}(${members.join(",")})`)];
  }));

  // One 32-byte word of EIP-712's encodeData; null where the type cannot hold the value.
  function encoded(value, type) {
    if (type === "bytes32") {
      return typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value) ? lb.bytes(value) : null;
    }
    if (type === "bool") return typeof value === "boolean" ? lb.word(value ? 1 : 0) : null;
    const limit = 2 ** Number(type.slice(4));
    return Number.isSafeInteger(value) && value >= 0 && value < limit ? lb.word(value) : null;
  }

  // An act from the message of its EIP-712 JSON but for the bill; null where it is none.
  function act(name, bill, message) {
    if (!lb.own(FIELDS, name)) return null;
    const members = [...HEAD, ...FIELDS[name]];
    if (Object.keys(message).length !== members.length - 1) return null;
    const words = [TYPE_HASHES.get(name)];
    for (const [member, kind] of members) {
      if (member !== "bill" && !lb.own(message, member)) return null;
      const word = encoded(member === "bill" ? bill : message[member], kind);
      if (word === null) return null;
      words.push(word);
    }
    const fields = FIELDS[name].map(([member]) => member);
    return { name, message, fields, structHash: lb.keccak(lb.concat(...words)) };
  }

  // The domain separator of the bills' contract.
  function billsDomain(chainId, contract) {
    const type = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    return lb.keccak(lb.concat(
      hash(type), hash("Landbridge RailBills"), hash("1"), lb.word(chainId), new Uint8Array(12),
      lb.bytes(contract),
    ));
  }

  // The 32 bytes that the signers signed.
  const actDigest = (one, domain) => lb.keccak(lb.concat(Uint8Array.of(0x19, 0x01), domain, one.structHash));

  // The log's entry of an act that took effect.
  function actEntry(contract, digest) {
    return { contract, digest: `0x${lb.hex(digest)}`, entry: "landbridge/entry/1", kind: "act" };
  }

  Object.assign(lb, { act, billsDomain, actDigest, actEntry });
})((globalThis.Landbridge ??= {}));
