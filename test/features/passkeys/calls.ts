import type { Answer, Call, Gate } from "../../support/gate.js";
import type { Answering, Authenticator } from "./authenticator.js";

const PASSKEY = `id label createdAt lastUsedAt isSynced isBackedUp transports credentialId rpId userHandle`;
const PAYLOAD = `message passkey { ${PASSKEY} } acceptedCredentialIds`;
const DOCUMENTS = {
  beginPasskeyRegistration: `mutation { beginPasskeyRegistration { options expiresAt } }`,
  addPasskey: `mutation ($label: String!, $response: JSON!) { addPasskey(label: $label, response: $response) { ${PAYLOAD} recoveryCodes } }`,
  passkeys: `{ passkeys { ${PASSKEY} } }`,
  renamePasskey: `mutation ($id: ID!, $label: String!) { renamePasskey(id: $id, label: $label) { ${PAYLOAD} } }`,
  removePasskey: `mutation ($id: ID!) { removePasskey(id: $id) { ${PAYLOAD} } }`,
  beginPasskeyLogin: `mutation ($challenge: String) { beginPasskeyLogin(challenge: $challenge) { options expiresAt } }`,
  passkeyLogin: `mutation ($response: JSON!, $scheme: AuthScheme! = JWT) {
    passkeyLogin(response: $response, scheme: $scheme) { scheme token access session { id methods } user { id username } }
  }`,
};

/** Calls a field of the feature. */
export function call(
  gate: Gate,
  name: keyof typeof DOCUMENTS,
  variables: Record<string, unknown> = {},
  rest: Call = {},
): Promise<Answer> {
  return gate.ask(DOCUMENTS[name], { ...rest, variables });
}

/** Begins to register a passkey. Fails the test if that is refused. */
export async function creation(gate: Gate, session: Call): Promise<any> {
  const { data, text } = await call(gate, "beginPasskeyRegistration", {}, session);
  if (!data) throw new Error(`beginPasskeyRegistration was refused: ${text}`);
  return data.beginPasskeyRegistration.options;
}

/** Begins a login. Fails the test if that is refused. */
export async function assertion(gate: Gate): Promise<any> {
  const { data, text } = await call(gate, "beginPasskeyLogin");
  if (!data) throw new Error(`beginPasskeyLogin was refused: ${text}`);
  return data.beginPasskeyLogin.options;
}

/** Registers a passkey in a session. */
export async function register(
  gate: Gate,
  { authorization }: { authorization: string },
  authenticator: Authenticator,
  how: Answering & { label?: string } = {},
): Promise<Answer> {
  const session = { authorization };
  const response = authenticator.create(await creation(gate, session), how);
  return call(gate, "addPasskey", { label: how.label ?? "Laptop", response }, session);
}

/** Logs in by a passkey. */
export async function logIn(
  gate: Gate,
  authenticator: Authenticator,
  how: Answering & { scheme?: string } = {},
): Promise<Answer> {
  const response = authenticator.get(await assertion(gate), how);
  return call(gate, "passkeyLogin", { response, scheme: how.scheme ?? "JWT" });
}
