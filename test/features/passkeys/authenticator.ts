import {
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";

/** The parts of the server's options that an authenticator reads. */
interface Options {
  challenge: string;
  rp?: { id: string };
  rpId?: string;
  user?: { id: string };
}

interface Credential {
  id: string;
  privateKey: KeyObject;
  userHandle: string;
  counter: number;
}

/** The differences between this answer and that of a right authenticator on a right page. */
export interface Answering {
  origin?: string;
  rpId?: string;
  type?: string;
  challenge?: string;
  crossOrigin?: boolean;
  isUserVerified?: boolean;
  isUserPresent?: boolean;
  isSynced?: boolean;
  counter?: number;
  /** Answers with a public key of this length in bits. Such a key is RSA, and no private key belongs to it. */
  modulusLength?: number;
  /** Signs with the wrong key. */
  isForged?: boolean;
  userHandle?: string | undefined;
  /** The attestation statement, in CBOR. */
  statement?: { fmt: string; attStmt: Buffer };
}

export type Algorithm = "ES256" | "EdDSA" | "RS256" | "ES384";

/** The page that uses the authenticator. */
const PAGE = "https://app.example.com";

/** Imitates an authenticator and the browser around it. Its results look like those of the browser's `toJSON()`. */
export class Authenticator {
  readonly credentials: Credential[] = [];
  readonly #algorithm: Algorithm;
  readonly #isSynced: boolean;
  /** The amount that each use adds to the signature counter, or 0 for an authenticator without a counter. */
  readonly #step: number;

  constructor({
    algorithm = "ES256",
    isSynced = false,
    step = 1,
  }: { algorithm?: Algorithm; isSynced?: boolean; step?: number } = {}) {
    this.#algorithm = algorithm;
    this.#isSynced = isSynced;
    this.#step = step;
  }

  /** Answers `navigator.credentials.create()`, and keeps the new key. */
  create(options: Options, how: Answering = {}) {
    const { publicKey, privateKey } = generateKeys(this.#algorithm);
    const id = randomBytes(16).toString("base64url");
    const userHandle = options.user?.id ?? "";
    this.credentials.push({ id, privateKey, userHandle, counter: 0 });
    const credentialId = Buffer.from(id, "base64url");
    const jwk = publicKey.export({ format: "jwk" });
    const { modulusLength } = how;
    if (modulusLength !== undefined) jwk.n = randomBytes(modulusLength / 8).toString("base64url");
    const attested = Buffer.concat([
      Buffer.alloc(16),
      uint16(credentialId.length),
      credentialId,
      coseKey(this.#algorithm, jwk),
    ]);
    const authData = Buffer.concat([
      this.#authenticatorData(how.rpId ?? options.rp?.id ?? "", 0, { ...how, isNew: true }),
      attested,
    ]);
    const { fmt = "none", attStmt = map([]) } = how.statement ?? {};
    const attestationObject = map([
      [text("fmt"), text(fmt)],
      [text("attStmt"), attStmt],
      [text("authData"), bytes(authData)],
    ]);
    return {
      ...{ id, rawId: id, type: "public-key", authenticatorAttachment: "platform" },
      clientExtensionResults: { credProps: { rk: true } },
      response: {
        clientDataJSON: clientData("webauthn.create", options, how).toString("base64url"),
        attestationObject: attestationObject.toString("base64url"),
        transports: ["internal", "hybrid", "telepathy"],
      },
    };
  }

  /** Answers `navigator.credentials.get()` with the newest key. */
  get(options: Options, how: Answering = {}) {
    const credential = this.credentials.at(-1)!;
    credential.counter += this.#step;
    const { id, counter } = credential;
    const rpId = how.rpId ?? options.rpId ?? "";
    const authData = this.#authenticatorData(rpId, how.counter ?? counter, how);
    const client = clientData("webauthn.get", options, how);
    const key = how.isForged ? generateKeys(this.#algorithm).privateKey : credential.privateKey;
    const signed = Buffer.concat([authData, createHash("sha256").update(client).digest()]);
    const hash = this.#algorithm === "EdDSA" ? null : "sha256";
    const userHandle = "userHandle" in how ? how.userHandle : credential.userHandle;
    return {
      ...{ id, rawId: id, type: "public-key", clientExtensionResults: {} },
      response: {
        clientDataJSON: client.toString("base64url"),
        authenticatorData: authData.toString("base64url"),
        signature: sign(hash, signed, key).toString("base64url"),
        ...(userHandle !== undefined && { userHandle }),
      },
    };
  }

  /** @see WebAuthn 6.1 */
  #authenticatorData(
    rpId: string,
    counter: number,
    {
      isUserPresent = true,
      isUserVerified = true,
      isSynced = this.#isSynced,
      isNew = false,
    }: Answering & {
      isNew?: boolean;
    },
  ): Buffer {
    const flags =
      (isUserPresent ? 0x01 : 0) |
      (isUserVerified ? 0x04 : 0) |
      (isSynced ? 0x18 : 0) |
      (isNew ? 0x40 : 0);
    const rest = Buffer.alloc(5);
    rest.writeUInt8(flags, 0);
    rest.writeUInt32BE(counter, 1);
    return Buffer.concat([createHash("sha256").update(rpId).digest(), rest]);
  }
}

function clientData(
  type: string,
  { challenge }: Options,
  { origin = PAGE, crossOrigin = false, ...how }: Answering,
): Buffer {
  const data = {
    type: how.type ?? type,
    challenge: how.challenge ?? challenge,
    origin,
    crossOrigin,
  };
  return Buffer.from(JSON.stringify(data));
}

function generateKeys(algorithm: Algorithm) {
  if (algorithm === "RS256") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  return generateKeyPairSync("ec", { namedCurve: algorithm === "ES384" ? "P-384" : "P-256" });
}

/** @see RFC 9053 2 and 7 */
function coseKey(algorithm: Algorithm, jwk: JsonWebKey): Buffer {
  const value = (name: "x" | "y" | "n" | "e") => bytes(Buffer.from(jwk[name] ?? "", "base64url"));
  switch (algorithm) {
    case "EdDSA":
      return map([
        [int(1), int(1)],
        [int(3), int(-8)],
        [int(-1), int(6)],
        [int(-2), value("x")],
      ]);
    case "RS256":
      return map([
        [int(1), int(3)],
        [int(3), int(-257)],
        [int(-1), value("n")],
        [int(-2), value("e")],
      ]);
    default: {
      const [name, curve] = algorithm === "ES384" ? [-35, 2] : [-7, 1];
      const point = [
        [int(-1), int(curve)],
        [int(-2), value("x")],
        [int(-3), value("y")],
      ];
      return map([[int(1), int(2)], [int(3), int(name)], ...(point as [Buffer, Buffer][])]);
    }
  }
}

// The functions below encode CBOR as RFC 8949 3 says.

function head(type: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(type << 5) | length]);
  if (length < 256) return Buffer.from([(type << 5) | 24, length]);
  return Buffer.concat([Buffer.from([(type << 5) | 25]), uint16(length)]);
}

function int(value: number): Buffer {
  return value < 0 ? head(1, -1 - value) : head(0, value);
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([head(2, value.length), value]);
}

export function text(value: string): Buffer {
  return Buffer.concat([head(3, value.length), Buffer.from(value)]);
}

export function map(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([head(5, entries.length), ...entries.flat()]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
