/** Options with which a server in development has every field of the schema. */
export const EVERY_FIELD = {
  impersonation: true,
  loginCodes: true,
  passkeys: true,
  githubClientId: "id",
  githubClientSecret: "secret",
};
