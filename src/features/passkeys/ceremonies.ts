import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import { COSEALG, decodeAttestationObject, isoCBOR } from "@simplewebauthn/server/helpers";
import type { AssertionJson, AttestationJson, ClientData } from "./answers.js";
import { CHALLENGE_LIFETIME, type NewChallenge } from "./challenges.js";
import type { RelyingParty } from "./relying-party.js";
import type { NewCredential, OwnedPasskey, PasskeyUse } from "./stored-passkeys.js";

/** The signature algorithms of new passkeys, best first. Common authenticators support at least one. */
const ALGORITHMS = [COSEALG.EdDSA, COSEALG.ES256, COSEALG.RS256];

/** The longest public key, in bytes: enough for RSA with 4096 bits. A longer key would make each login expensive. */
const MAX_KEY_LENGTH = 600;

const TRANSPORTS = ["ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"];

/** A passkey that the browser may use for a login, or must not register again. */
export interface KnownCredential {
  readonly credentialId: string;
  readonly transports: readonly string[];
}

/**
 * Returns the value of `publicKey` in the argument of `navigator.credentials.create()`, as JSON.
 * @see WebAuthn 5.4
 */
export async function creationOptions(
  { id: rpID, name: rpName }: RelyingParty,
  user: { readonly handle: string; readonly username: string },
  { challenge }: NewChallenge,
  existing: readonly KnownCredential[],
): Promise<object> {
  return generateRegistrationOptions({
    ...{ rpID, rpName },
    userID: bytesOf(user.handle),
    userName: user.username,
    userDisplayName: user.username,
    challenge: bytesOf(challenge),
    timeout: CHALLENGE_LIFETIME,
    attestationType: "none",
    excludeCredentials: existing.map(toDescriptor),
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/**
 * Returns the value of `publicKey` in the argument of `navigator.credentials.get()`, as JSON.
 * @param allowed the passkeys that can be used. @default all passkeys of this application
 * @see WebAuthn 5.5
 */
export async function requestOptions(
  { id: rpID }: RelyingParty,
  { challenge }: NewChallenge,
  allowed?: readonly KnownCredential[],
): Promise<object> {
  return generateAuthenticationOptions({
    rpID,
    challenge: bytesOf(challenge),
    timeout: CHALLENGE_LIFETIME,
    userVerification: "required",
    ...(allowed && { allowCredentials: allowed.map(toDescriptor) }),
  });
}

/**
 * Checks the answer to a registration. Does not check the challenge, because {@link Challenges.take} has checked it.
 * @throws any error if the answer is wrong
 * @see WebAuthn 7.1
 */
export async function verifyAttestation(
  { id: expectedRPID }: RelyingParty,
  { response, ...answer }: AttestationJson,
  { challenge, origin }: ClientData,
): Promise<NewCredential> {
  const attestationObject = withoutStatement(response.attestationObject);
  const { registrationInfo } = await verifyRegistrationResponse({
    response: { ...answer, response: { ...response, attestationObject } },
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID,
    requireUserVerification: true,
    supportedAlgorithmIDs: ALGORITHMS,
  });
  if (registrationInfo === undefined) throw new TypeError("The answer is not verified.");
  const { credential, credentialBackedUp, credentialDeviceType } = registrationInfo;
  if (credential.id !== answer.id) throw new TypeError("The answer is for another passkey.");
  if (credential.publicKey.length > MAX_KEY_LENGTH) throw new TypeError("The key is too long.");
  return {
    id: credential.id,
    publicKey: Buffer.from(credential.publicKey).toString("base64url"),
    counter: credential.counter,
    transports: TRANSPORTS.filter((transport) => response.transports.includes(transport)),
    isSynced: credentialDeviceType === "multiDevice",
    isBackedUp: credentialBackedUp,
  };
}

/**
 * Checks the answer to a login. Does not check the challenge, because {@link Challenges.take} has checked it. Does not
 * check the signature counter, because {@link StoredPasskeys.recordUse} checks it.
 * @throws any error if the answer is wrong
 * @see WebAuthn 7.2
 */
export async function verifyAssertion(
  { id: expectedRPID }: RelyingParty,
  { response, ...answer }: AssertionJson,
  { challenge, origin }: ClientData,
  passkey: OwnedPasskey,
): Promise<PasskeyUse> {
  const { clientDataJSON, authenticatorData, signature } = response;
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: { ...answer, response: { clientDataJSON, authenticatorData, signature } },
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID,
    requireUserVerification: true,
    // With 0, the library accepts every counter. The statement that stores the new counter checks it.
    credential: { id: passkey.credentialId, publicKey: bytesOf(passkey.publicKey), counter: 0 },
  });
  const { credentialBackedUp, credentialDeviceType, newCounter } = authenticationInfo;
  if (!verified) throw new TypeError("The signature is wrong.");
  if ((credentialDeviceType === "multiDevice") !== passkey.isSynced) {
    throw new TypeError("A passkey cannot change between one device and several.");
  }
  return { counter: newCounter, isBackedUp: credentialBackedUp };
}

/**
 * Returns an attestation object without the statement that says who made the authenticator, because Gatehouse does not
 * use it. The library would check the statement's certificates, and load revocation lists from the URLs in them.
 */
function withoutStatement(attestationObject: string): string {
  const authData = decodeAttestationObject(bytesOf(attestationObject)).get("authData");
  const bare = new Map<string, string | Uint8Array<ArrayBuffer> | Map<string, string>>([
    ["fmt", "none"],
    ["attStmt", new Map()],
    ["authData", authData],
  ]);
  return Buffer.from(isoCBOR.encode(bare)).toString("base64url");
}

function toDescriptor({ credentialId: id, transports }: KnownCredential) {
  return { id, transports: [...transports] };
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(base64url, "base64url"));
}
