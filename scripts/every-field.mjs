/**
 * Options with which a server in development has every field of the schema.
 * @type {import("../src/auth.ts").AuthOptions}
 */
export const EVERY_FIELD = {
  impersonation: true,
  loginCodes: true,
  secondFactor: "optional",
  passkeys: true,
  githubClientId: "id",
  githubClientSecret: "secret",
};
