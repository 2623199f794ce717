// Hashes and signatures: SHA-256 and HMAC of the browser itself (WebCrypto), Keccak-256 and secp256k1 of the
// vendored library. No cryptography is written here.
//
//     await Landbridge.sha256(Landbridge.utf8("abc"))
"use strict";
(function (lb) {
  const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

  // Browsers give WebCrypto to pages from disk, from localhost and over https, and to no others.
  function subtle() {
    const found = globalThis.crypto && globalThis.crypto.subtle;
    if (!found) throw new lb.Refusal("no-webcrypto");
    return found;
  }

  async function sha256(data) {
    return new Uint8Array(await subtle().digest("SHA-256", data));
  }

  // HMAC-SHA-256 under one key, many times.
  async function hmac(secret) {
    const use = { name: "HMAC", hash: "SHA-256" };
    const key = await subtle().importKey("raw", secret, use, false, ["sign"]);
    return async (data) => new Uint8Array(await subtle().sign("HMAC", key, data));
  }

  const keccak = (data) => lb.noble.keccak256(data);

  // The account whose key signed 32 bytes, in lower-case hex with 0x; null where no key gives this signature.
  // A signature whose s lies in the upper half of the order is a second spelling of another one.
  function recover(digest, r, s, parity, { highToo = false } = {}) {
    if (!highToo && s > HALF_ORDER) return null;
    let point;
    try {
      const signature = new lb.noble.secp256k1.Signature(r, s).addRecoveryBit(parity);
      point = signature.recoverPublicKey(digest).toRawBytes(false);
    } catch {
      return null;
    }
    return `0x${lb.hex(keccak(point.subarray(1)).subarray(12))}`;
  }

  // The same for the 64 bytes r ‖ vs of EIP-2098, where the highest bit of the second half is the parity.
  function recoverCompact(digest, signature) {
    const packed = lb.integer(signature.subarray(32));
    const s = packed & ((1n << 255n) - 1n);
    return recover(digest, lb.integer(signature.subarray(0, 32)), s, Number(packed >> 255n));
  }

  Object.assign(lb, { sha256, hmac, keccak, recover, recoverCompact });
})((globalThis.Landbridge ??= {}));
