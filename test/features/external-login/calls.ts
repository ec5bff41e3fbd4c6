import type { Answer, Call, Gate } from "../../support/gate.js";
import { type IdentityServer, PAGE, type Person } from "./identity-server.js";

const BEGIN = `mutation ($provider: String!, $redirectTo: String!) {
  beginExternalLogin(provider: $provider, redirectTo: $redirectTo) { url proof expiresAt }
}`;
const COMPLETE = `mutation ($code: String!, $state: String!, $proof: String!, $iss: String, $scheme: AuthScheme! = JWT) {
  completeExternalLogin(code: $code, state: $state, proof: $proof, iss: $iss, scheme: $scheme) {
    scheme tokenType token access refresh session { id methods } user { id username email }
  }
}`;

/** The arguments that a page sends to `completeExternalLogin`. */
export interface Given {
  code: string;
  state: string;
  proof: string;
  iss: string | null;
}

export function begin(
  gate: Gate,
  { provider = "corp", redirectTo = PAGE }: { provider?: string; redirectTo?: string } = {},
  call: Call = {},
): Promise<Answer> {
  return gate.ask(BEGIN, { ...call, variables: { provider, redirectTo } });
}

/** Begins a login. Fails the test if that is refused. */
export async function begun(gate: Gate, provider = "corp", call: Call = {}) {
  const { data, text } = await begin(gate, { provider }, call);
  if (!data) throw new Error(`beginExternalLogin was refused: ${text}`);
  return data.beginExternalLogin as { url: string; proof: string; expiresAt: string };
}

export function complete(
  gate: Gate,
  given: Given & { scheme?: string },
  call: Call = {},
): Promise<Answer> {
  return gate.ask(COMPLETE, { ...call, variables: { ...given } });
}

/** Begins a login, and lets a person log in at the provider. */
export async function answered(
  gate: Gate,
  server: IdentityServer,
  person: Person,
  call: Call = {},
): Promise<Given> {
  const { url, proof } = await begun(gate, "corp", call);
  const { code, state, iss } = await server.visit(url, person);
  return { code, state, iss, proof };
}

/** Logs a person in at the provider, and then at the gate. With `call.authorization`, links the account. */
export async function logIn(
  gate: Gate,
  server: IdentityServer,
  person: Person,
  call: Call = {},
): Promise<Answer> {
  return complete(gate, await answered(gate, server, person, call), call);
}
