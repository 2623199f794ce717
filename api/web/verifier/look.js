// Everything that the checks ask of the chain, asked of a source in one place (nodesource.js, sealedsource.js),
// and who signed what.
//
//     const told = await Landbridge.lookAtBill(bundle, acts, source, pause);
"use strict";
(function (lb) {
  const BY_ISSUER = ["Issue", "AcceptSurrender", "RefuseSurrender", "Deliver"];
  const BY_OFFEREE = ["AcceptOffer", "DeclineOffer"];
  const NOTHING = new Uint8Array(32);

  // The acts as they were signed, each with its digest; null for one that is none.
  async function actsOf(bundle, pause) {
    const contract = bundle.chain.contracts.RailBills ?? `0x${"00".repeat(20)}`;
    const domain = lb.billsDomain(bundle.chain.id, contract);
    const acts = [];
    for (const [at, part] of bundle.acts.entries()) {
      await pause("reading", at, bundle.acts.length);
      const act = lb.act(part.act, bundle.bill, part.message);
      const digest = act && lb.actDigest(act, domain);
      acts.push(act && { ...act, digest, entry: lb.actEntry(contract, digest) });
    }
    return acts;
  }

  // Whose act it is: the parties that must have signed it, in their order.
  function owners(name, before, after) {
    if (BY_ISSUER.includes(name)) return [after.issuer];
    if (BY_OFFEREE.includes(name)) return [before.offeree];
    if (name === "Void" && before.holder !== after.issuer) return [before.holder, after.issuer];
    return [before.holder];
  }

  async function lookAtBill(bundle, acts, source, pause) {
    const word = await source.billWord(lb.bytes(bundle.bill));
    const events = await source.acted(bundle);
    // The first act, which counts one, is the issue, and its detail the note.
    const issued = events.length > 0 && events[0].word.sequence === 1;
    const noteOf = issued ? await source.billOfNote(events[0].detail) : NOTHING;
    const keys = new Map();
    const keyOf = async (key) => {
      if (!keys.has(key)) keys.set(key, await source.keyOf(key));
      return keys.get(key);
    };
    for (const [at, event] of events.entries()) {
      await keyOf(event.key);
      await pause("chain", at, events.length);
    }
    const spoke = async (key, party, time) => {
      const found = await keyOf(key);
      return found.party === party && found.since > 0 && found.since <= time
        && (found.until === 0 || time <= found.until);
    };

    // Who signed is looked at where the acts and their places in the history are known.
    const complete = isHistory(bundle, acts, word, events);
    let signed = complete;
    for (let at = 0; at < acts.length && complete; at++) {
      await pause("signatures", at, acts.length);
      const signers = signersOf(bundle.acts[at], acts[at]);
      for (const further of signers.slice(1)) await keyOf(further);
      const parties = owners(bundle.acts[at].act, (events[at - 1] ?? events[at]).word, events[at].word);
      // The chain names the key that signed first; it was asked of the contract when the act was made.
      if (signers.length !== parties.length || signers[0] !== events[at].key) signed = false;
      for (const [place, party] of parties.entries()) {
        if (signed && !await spoke(signers[place], party, events[at].time)) signed = false;
      }
    }

    const issuer = events.length > 0 ? events[0].word.issuer : 0;
    let named = true;
    for (const { party, content, seed } of bundle.profiles) {
      const digest = await lb.documentDigest(content, lb.bytes(seed), { pause });
      if (!lb.equal(digest, await source.profileOf(party))) named = false;
    }
    return {
      word, events, keys, complete, signed, issuer, named,
      noteIsOurs: lb.equal(noteOf, lb.bytes(bundle.bill)),
      entitled: events.length > 0 && await source.wasCarrier(issuer, events[0].time),
    };
  }

  // Whether the acts shown are, one by one, those that the chain tells of, and lead to how the bill stands.
  function isHistory(bundle, acts, word, events) {
    if (word.state === "none" || events.length === 0) return false;
    if (acts.length !== events.length || acts.length !== word.sequence) return false;
    if (events[events.length - 1].word.raw !== word.raw) return false;
    return acts.every((act, at) => {
      const part = bundle.acts[at], event = events[at];
      return act !== null && act.message.sequence === at && event.word.sequence === at + 1
        && part.block === event.block && part.time === event.time && part.transaction === event.transaction
        && isAct(act, event);
    });
  }

  // Whether a signed act is the one of which the chain tells.
  function isAct(act, { word, detail }) {
    const text = `0x${lb.hex(detail)}`;
    const told = {
      holder: word.holder,
      toOrder: word.toOrder,
      to: act.name === "Offer" ? word.offeree : word.holder,
      expiry: word.offerExpiry,
      note: text, reason: text, evidence: text,
    };
    return act.fields.every((field) => told[field] === act.message[field]);
  }

  // The accounts whose keys signed an act; none where one of the signatures is none.
  function signersOf(part, act) {
    const found = part.signatures.map((one) => lb.recoverCompact(act.digest, lb.bytes(one)));
    return found.includes(null) ? [] : found;
  }

  Object.assign(lb, { actsOf, lookAtBill });
})((globalThis.Landbridge ??= {}));
