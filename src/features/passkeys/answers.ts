import { z } from "zod";
import { BadUserInput } from "../../errors.js";

/** @param max how many characters the text may have */
const base64url = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[\w-]+$/);

/** The id of a passkey, which has at most 1023 bytes. @see WebAuthn 4 */
const CREDENTIAL_ID = base64url(1364);

/** The members that an attestation and an assertion have in common. @see WebAuthn 5.1 */
const CREDENTIAL = z.object({
  id: CREDENTIAL_ID,
  rawId: CREDENTIAL_ID,
  type: z.literal("public-key"),
  /** The value is replaced by an empty object, because Gatehouse requests no extensions. */
  clientExtensionResults: z.unknown().transform(() => ({})),
});

const ATTESTATION = CREDENTIAL.extend({
  response: z.object({
    clientDataJSON: base64url(4096),
    attestationObject: base64url(16_384),
    transports: z.array(z.string().max(64)).max(32).default([]),
  }),
});

const ASSERTION = CREDENTIAL.extend({
  response: z.object({
    clientDataJSON: base64url(4096),
    authenticatorData: base64url(4096),
    signature: base64url(1024),
    userHandle: base64url(128)
      .nullish()
      .transform((handle) => handle ?? undefined),
  }),
});

const CLIENT_DATA = z.object({
  challenge: z.string(),
  origin: z.string(),
  crossOrigin: z.boolean().default(false),
});

/** The result of `navigator.credentials.create()`, as JSON. @see WebAuthn 5.1 */
export type AttestationJson = z.output<typeof ATTESTATION>;

/** The result of `navigator.credentials.get()`, as JSON. @see WebAuthn 5.1 */
export type AssertionJson = z.output<typeof ASSERTION>;

/** The browser's data about the page. @see WebAuthn 5.8.1 */
export type ClientData = z.output<typeof CLIENT_DATA>;

/** @throws {@link BadUserInput} when the value is malformed or too long */
export function parseAttestation(value: unknown): AttestationJson {
  return parse(ATTESTATION, value, "create");
}

/** @throws {@link BadUserInput} when the value is malformed or too long */
export function parseAssertion(value: unknown): AssertionJson {
  return parse(ASSERTION, value, "get");
}

function parse<Answer extends z.ZodType>(
  schema: Answer,
  value: unknown,
  method: "create" | "get",
): z.output<Answer> {
  const { data } = schema.safeParse(value);
  if (data !== undefined) return data;
  throw new BadUserInput(
    `The passkey must be the result of navigator.credentials.${method}() as JSON: send its toJSON().`,
  );
}

/** Parses the client data of a browser. Returns null if the text is anything else. */
export function parseClientData(base64url: string): ClientData | null {
  try {
    const json: unknown = JSON.parse(Buffer.from(base64url, "base64url").toString("utf8"));
    return CLIENT_DATA.safeParse(json).data ?? null;
  } catch {
    return null;
  }
}
