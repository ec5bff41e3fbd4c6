import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  buildSchema,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from "graphql";
import { codeOf, type MailPurpose } from "../../src/features/mail/index.js";
import { hashSecret, randomSecret } from "../../src/tokens/secret-hash.js";
import { browse } from "../features/external-login/browser.js";
import { begun } from "../features/external-login/calls.js";
import { GithubServer } from "../features/external-login/github-server.js";
import { PAGE } from "../features/external-login/identity-server.js";
import { beginTotp } from "../features/second-factor/calls.js";
import { Authenticator } from "../features/passkeys/authenticator.js";
import { assertion, call as callPasskeys, register } from "../features/passkeys/calls.js";
import { PASSWORD, setUpGate } from "../support/gate.js";
import { codeAt } from "../support/totp.js";

const SCHEMES = ["TOKEN", "JWT", "SLIDING"] as const;
type Scheme = (typeof SCHEMES)[number];

/** The published schema. These tests read it directly, without the server's code. */
const schema = buildSchema(readFileSync("schema.graphql", "utf8"));
/** The roles in the order of the schema. Each includes the rights of those before it. */
const ROLES = (schema.getType("Role") as GraphQLEnumType).getValues().map(({ name }) => name);
const ROOTS = { query: schema.getQueryType()!, mutation: schema.getMutationType()! };

interface Operation {
  kind: string;
  field: GraphQLField<unknown, unknown>;
  /** The role that the field requires, or null if the field is public. */
  requires: string | null;
  /** How long ago the password may have been given, such as `15m`, or null. */
  freshWithin: string | null;
}

const directive = (name: string, { astNode }: GraphQLField<unknown, unknown>) =>
  getDirectiveValues(schema.getDirective(name)!, astNode!);

/** Each root field with the role that it requires. A field without a directive requires a signed-in user. */
const OPERATIONS = new Map<string, Operation>(
  Object.entries(ROOTS).flatMap(([kind, root]) =>
    Object.values(root.getFields()).map((field) => {
      const auth = directive("auth", field);
      const role = (auth?.["requires"] ?? ROLES[0]) as string;
      const requires = directive("public", field) === undefined ? role : null;
      const freshWithin = (auth?.["freshWithin"] ?? null) as string | null;
      return [`${root.name}.${field.name}`, { kind, field, requires, freshWithin }];
    }),
  ),
);

/** The operations that refuse every static token, because only the person who knows the password may call them. */
const NOT_BY_STATIC_TOKEN = [
  "Mutation.createToken",
  "Mutation.impersonate",
  "Mutation.reauthenticate",
  "Mutation.changePassword",
  "Mutation.changeEmail",
  "Mutation.deleteAccount",
  "Mutation.createUser",
  "Mutation.updateUser",
  "Mutation.setRole",
  "Mutation.setActive",
  "Mutation.unlockUser",
  "Mutation.startPasswordReset",
  "Mutation.endSessions",
  "Mutation.deleteUser",
  "Mutation.beginExternalLogin",
  "Mutation.unlinkAccount",
  "Mutation.beginPasskeyRegistration",
  "Mutation.addPasskey",
  "Mutation.renamePasskey",
  "Mutation.removePasskey",
  "Mutation.beginTotp",
  "Mutation.confirmTotp",
  "Mutation.disableTotp",
  "Mutation.regenerateRecoveryCodes",
  "Mutation.removeSecondFactor",
];

/**
 * The public operations that do something else for a signed-in caller. They therefore refuse a credential that does
 * not work.
 */
const NOT_BY_BAD_CREDENTIAL = ["Mutation.beginExternalLogin"];

/** The operations whose arguments name another user, or a new one. */
const ABOUT_ANOTHER_USER = [
  ...["user", "createUser", "updateUser", "setRole", "setActive", "unlockUser"],
  ...["startPasswordReset", "endSessions", "deleteUser", "impersonate", "removeSecondFactor"],
];

/** The kinds of callers. Each has a role, or the reason of the refusal. */
const CALLERS: Record<string, { role?: "USER" | "ADMIN"; refusal?: string }> = {
  "an anonymous caller": { refusal: "no_credentials" },
  "a caller with a bad credential": { refusal: "token_not_valid" },
  "a USER": { role: "USER" },
  "an ADMIN": { role: "ADMIN" },
  "an inactive ADMIN": { refusal: "user_inactive" },
  "an ADMIN who logged out a moment ago": { refusal: "token_revoked" },
  "an ADMIN who was demoted a moment ago": { role: "USER" },
  "a USER who was promoted a moment ago": { role: "ADMIN" },
};

const NONSENSE: Record<Scheme, string> = {
  TOKEN: "Token gth_nonsense",
  JWT: "Bearer aaaa.bbbb.cccc",
  SLIDING: "Bearer nonsense",
};

const github = await GithubServer.start();

describe("the permission matrix", () => {
  const gate = setUpGate({
    ...{ impersonation: true, loginCodes: true },
    ...{ secondFactor: "optional", passkeys: true },
    ...{ githubClientId: github.clientId, githubClientSecret: github.clientSecret },
    githubUrl: github.url,
    corsOrigins: [new URL(PAGE).origin],
  });
  afterAll(() => github.close());

  let bystander: string;
  let count = 0;

  beforeAll(async () => {
    await gate.user("root", { role: "ADMIN" });
    bystander = await gate.user("eve", { email: "eve@example.com" });
  });

  /** Opens a session as if a password was given, and returns its `Authorization` header. */
  async function signIn(id: string, scheme: Scheme): Promise<string> {
    const { authorization, session } = await gate.issue(id, scheme);
    await gate.sql("UPDATE session SET authenticated_at = ? WHERE id = ?", [gate.now, session.id]);
    return authorization;
  }

  /** Callers that can be reused. A caller whose state changed "a moment ago" is made again each time. */
  const known = new Map<string, { id: string; authorization?: string }>();

  /** Returns a caller of this kind. */
  async function call(caller: string, scheme: Scheme) {
    const key = `${caller} ${scheme}`;
    const before = known.get(key);
    const isIn = CALLERS[caller]?.role !== undefined;
    if (before && (!isIn || (await gate.me(before.authorization)).status === 200)) return before;
    const made = await make(caller, scheme);
    const result = { ...made, id: isIn ? made.id : bystander };
    if (!caller.includes("a moment ago")) known.set(key, result);
    return result;
  }

  async function make(caller: string, scheme: Scheme) {
    if (caller === "an anonymous caller") return { id: bystander };
    if (caller === "a caller with a bad credential")
      return { id: bystander, authorization: NONSENSE[scheme] };
    const role = caller.startsWith("an ADMIN") || caller.includes("inactive") ? "ADMIN" : "USER";
    const id = await gate.user(`user${(count += 1)}`, { role });
    const authorization = await signIn(id, scheme);
    // Makes the session as fresh as after a login by password, which some fields need.
    await gate.sql(`UPDATE session SET authenticated_at = created_at WHERE user_id = ?`, [id]);
    expect((await gate.me(authorization)).status).toBe(200);
    if (caller.includes("demoted")) await gate.auth.accounts.setRole(id, "USER");
    if (caller.includes("promoted")) await gate.auth.accounts.setRole(id, "ADMIN");
    if (caller.includes("inactive")) await gate.auth.accounts.setActive(id, false);
    if (caller.includes("logged out")) await gate.logout({ authorization });
    return { id, authorization };
  }

  /** Returns a valid value for an argument, with the caller's own tokens, so that only a guard can refuse the call. */
  async function knownValue(field: string, name: string, id: string): Promise<unknown> {
    const { RefreshToken, StaticToken } = gate.auth.tokens;
    if (ABOUT_ANOTHER_USER.includes(field)) {
      const username = `other${(count += 1)}`;
      const email = `${username}@example.com`;
      if (name === "id" || name === "userId") return gate.user(username, { email });
      if (name === "username") return username;
      if (name === "email") return email;
    }
    if (field === "unlinkAccount") return linkedAccount(id);
    if (/^(rename|remove)Passkey$/.test(field) && name === "id") return passkeyOf(id);
    // This value is replaced below, where the arguments of `completeLogin` are made together.
    if (name === "recoveryCode" && field === "completeLogin") return "x";
    if (name === "provider") return "github";
    if (name === "redirectTo") return PAGE;
    if (field === "register" && name === "username") return `new${(count += 1)}`;
    if (
      name === "token" &&
      (field === "verifyEmail" || field === "resetPassword" || field === "confirmEmailChange")
    ) {
      return (await mailToken(field)).token;
    }
    if (name === "username") return "eve";
    if (name === "email") return "eve@example.com";
    if (name === "newEmail") return `new${(count += 1)}@example.com`;
    if (/^(password|currentPassword|newPassword)$/.test(name)) return PASSWORD;
    if (name === "refresh") return (await RefreshToken.forUser({ id })).toString();
    if (name === "token") return (await StaticToken.create({ id })).key;
    if (name === "id") return (await RefreshToken.forUser({ id })).get("sid");
    return undefined;
  }

  /** Issues a mail token to another user. */
  async function mailToken(purpose: MailPurpose) {
    const username = `user${(count += 1)}`;
    const address = `${username}@example.com`;
    const userId = await gate.user(username, { email: address });
    const { tokens } = gate.auth.mail;
    const issued = { purpose, userId, address, lifetime: 60 };
    const id = await gate.core.sql.inTransaction((run) => tokens.issue(run, issued));
    return { id, address, token: (await tokens.derive(id))!.token };
  }

  /** Returns the arguments by which another user logs in with a code from a mail. */
  async function loginCode() {
    const { id, address, token } = await mailToken("loginWithCode");
    await gate.sql(
      "INSERT INTO login_code (email_key, token_id, proof_hash, expires_at) VALUES (?, ?, '', ?)",
      [address, id, gate.now + 600_000],
    );
    return { email: address, code: codeOf(token) };
  }

  /** Returns the arguments that complete the login of a new user at GitHub. */
  async function externalLogin() {
    const email = `github${(count += 1)}@example.com`;
    github.person = { id: count, emails: [{ email, primary: true, verified: true }] };
    const { url, proof } = await begun(gate, "github");
    const { code, state } = await browse(url, PAGE);
    return { code, state, proof };
  }

  /** Links an account at GitHub to a user, and returns its id. */
  async function linkedAccount(userId: string): Promise<string> {
    const id = (count += 1).toString(16).padStart(32, "0");
    await gate.sql(
      `INSERT INTO linked_account (id, user_id, provider, issuer, subject, linked_at) VALUES (?, ?, 'github', ?, ?, 1)`,
      [id, userId, github.url, `linked${count}`],
    );
    return id;
  }

  /** Gives a user an authenticator app, and makes all sessions of the user look as if the app was just used. */
  async function giveFactor(userId: string): Promise<void> {
    await gate.sql(
      "INSERT INTO totp (user_id, sealed, last_step, added_at) VALUES (?, '', 0, 1) ON CONFLICT DO NOTHING",
      [userId],
    );
    await gate.sql("UPDATE session SET second_factor_at = ? WHERE user_id = ?", [gate.now, userId]);
  }

  /** Gives a caller a passkey that looks as if it was just used, and returns its id. */
  async function passkeyOf(userId: string): Promise<string> {
    const id = (count += 1).toString(16).padStart(32, "0");
    // With a passkey, a login by password would need a second step.
    if (userId === bystander) return id;
    await gate.sql(
      `INSERT INTO passkey (id, user_id, credential_id, public_key, counter, transports, is_synced, is_backed_up, label,
         created_at) VALUES (?, ?, ?, '', 0, '', false, false, 'Key', 1)`,
      [id, userId, id],
    );
    await gate.sql("UPDATE session SET second_factor_at = ? WHERE user_id = ?", [gate.now, userId]);
    return id;
  }

  const SERVER_PAGE = { origin: "https://auth.example.com" };

  /** Returns a new passkey of a caller. Returns nonsense for a caller who cannot begin. */
  async function newPasskey(authorization = ""): Promise<unknown> {
    const { data } = await callPasskeys(gate, "beginPasskeyRegistration", {}, { authorization });
    if (!data) return {};
    return new Authenticator().create(data.beginPasskeyRegistration.options, SERVER_PAGE);
  }

  /** Returns the answer of another user's passkey to a login. */
  async function usedPasskey(): Promise<unknown> {
    const id = await gate.user(`user${(count += 1)}`);
    const device = new Authenticator();
    await register(gate, { authorization: await signIn(id, "JWT") }, device, SERVER_PAGE);
    return device.get(await assertion(gate), SERVER_PAGE);
  }

  /** Returns the arguments that complete another user's login. */
  async function secondStep() {
    const [challenge, recoveryCode] = [randomSecret(), `${(count += 1)}`.padStart(24, "0")];
    const userId = await gate.user(`user${count}`);
    await giveFactor(userId);
    await gate.sql("INSERT INTO recovery_code (code_hash, user_id) VALUES (?, ?)", [
      hashSecret(recoveryCode),
      userId,
    ]);
    await gate.sql(
      "INSERT INTO login_challenge (token_hash, user_id, credentials_version, methods, expires_at) VALUES (?, ?, 0, 'pwd', ?)",
      [hashSecret(challenge), userId, gate.now + 60_000],
    );
    return { challenge, recoveryCode };
  }

  /** Returns the code that confirms a new app of a caller. Returns a wrong code for a caller who may not begin. */
  async function firstCode(authorization = ""): Promise<string> {
    const { data } = await beginTotp(gate, authorization);
    return data ? codeAt(data.beginTotp.secret, gate.now) : "123456";
  }

  function valueOf(type: GraphQLInputType): unknown {
    const nullable = getNullableType(type);
    if (isListType(nullable)) return [valueOf(nullable.ofType)];
    if (isEnumType(nullable)) return nullable.getValues()[0]!.name;
    if (isInputObjectType(nullable)) {
      const required = Object.values(nullable.getFields()).filter(isRequiredInputField);
      return Object.fromEntries(required.map((field) => [field.name, valueOf(field.type)]));
    }
    const scalars: Record<string, unknown> = { Int: 1, Float: 1, Boolean: true };
    return scalars[nullable.toString()] ?? "x";
  }

  /** Selects everything that can be read below a field, except a type within itself. */
  function selectionOf(
    type: GraphQLNamedOutputType,
    above: readonly GraphQLNamedOutputType[] = [],
  ): string {
    if (!isObjectType(type)) return "";
    const within = [...above, type];
    const fields = Object.values(type.getFields())
      .map(({ name, type: below }) => ({ name, below: getNamedType(below) }))
      .filter(({ below }) => !within.includes(below));
    return `{ ${fields.map(({ name, below }) => name + selectionOf(below, within)).join(" ")} }`;
  }

  async function ask({ kind, field }: Operation, id: string, authorization?: string) {
    const variables: Record<string, unknown> = {};
    const given: GraphQLArgument[] = [];
    for (const arg of field.args) {
      const known = await knownValue(field.name, arg.name, id);
      if (known === undefined && !isRequiredArgument(arg)) continue;
      variables[arg.name] = known ?? valueOf(arg.type);
      given.push(arg);
    }
    if (field.name === "completeExternalLogin") Object.assign(variables, await externalLogin());
    if (field.name === "loginWithCode") Object.assign(variables, await loginCode());
    if (field.name === "completeLogin") Object.assign(variables, await secondStep());
    if (field.name === "confirmTotp") variables["code"] = await firstCode(authorization);
    if (field.name === "addPasskey") variables["response"] = await newPasskey(authorization);
    if (field.name === "passkeyLogin") variables["response"] = await usedPasskey();
    if (/^(disableTotp|regenerateRecoveryCodes)$/.test(field.name)) await giveFactor(id);
    const list = (write: (arg: GraphQLArgument) => string) =>
      given.length === 0 ? "" : `(${given.map(write).join(", ")})`;
    const declared = list(({ name, type }) => `$${name}: ${type.toString()}`);
    const passed = list(({ name }) => `${name}: $${name}`);
    const query = `${kind} ${declared} { ${field.name}${passed} ${selectionOf(getNamedType(field.type))} }`;
    return gate.ask(query, {
      variables,
      ...(authorization === undefined ? {} : { authorization }),
    });
  }

  const countEnded = async () =>
    Number((await gate.sql(`SELECT count(*) AS n FROM session WHERE ended_at IS NOT NULL`))[0].n);

  describe.each([...OPERATIONS.keys()])("%s", (name) => {
    const operation = OPERATIONS.get(name)!;
    const { requires, field } = operation;

    test.each(Object.keys(CALLERS))(
      "AZ-1, AZ-5, AZ-10, G-01 to G-07, G-16: the directive of %s decides who may call it, by every scheme",
      async (caller) => {
        const { role, refusal } = CALLERS[caller]!;
        const isAllowed =
          (requires === null &&
            (refusal === undefined ||
              refusal === "no_credentials" ||
              !NOT_BY_BAD_CREDENTIAL.includes(name))) ||
          (requires !== null &&
            role !== undefined &&
            ROLES.indexOf(role) >= ROLES.indexOf(requires));
        const schemes = SCHEMES.filter(
          (scheme) => scheme !== "TOKEN" || !isAllowed || !NOT_BY_STATIC_TOKEN.includes(name),
        );
        const callers = await Promise.all(schemes.map((scheme) => call(caller, scheme)));
        const ended = await countEnded();
        const answers = await Promise.all(
          callers.map(({ id, authorization }) => ask(operation, id, authorization)),
        );
        for (const { status, code, reason, data, errors } of answers) {
          if (isAllowed) {
            expect([status, errors]).toEqual([200, undefined]);
            expect(data[field.name]).not.toBeNull();
          } else {
            const refused =
              refusal === undefined
                ? { status: 403, code: "FORBIDDEN", reason: "role_required" }
                : { status: 401, code: "UNAUTHENTICATED", reason: refusal };
            // If the field may be null, a refusal leaves the rest of the response.
            const isNullable = !isNonNullType(field.type);
            expect({ status, code, reason }).toEqual({
              ...refused,
              ...(isNullable && { status: 200 }),
            });
            expect([data, errors?.length]).toEqual([isNullable ? { [field.name]: null } : null, 1]);
          }
        }
        if (!isAllowed) expect(await countEnded()).toBe(ended);
      },
    );
  });

  test("AZ-1, G-16: the running server has exactly these root fields", async () => {
    const { data } = await gate.ask(`{ __schema {
      queryType { name fields { name } } mutationType { name fields { name } } subscriptionType { name }
    } }`);
    const { queryType, mutationType, subscriptionType } = data.__schema;
    const served = [queryType, mutationType].flatMap(({ name, fields }) =>
      fields.map((field: { name: string }) => `${name}.${field.name}`),
    );
    expect(served.sort()).toEqual([...OPERATIONS.keys()].sort());
    expect(subscriptionType).toBeNull();
  });

  test("docs/permissions.md says the same as the schema about every field", () => {
    const rows = [
      ...readFileSync("docs/permissions.md", "utf8").matchAll(/^\| `(\w+\.\w+)` \| (.+) \|$/gm),
    ];
    const words = (requires: string | null, freshWithin: string | null = null) => {
      if (requires === null) return "anyone";
      const who = requires === ROLES[0] ? "signed-in user" : `\`${requires}\``;
      return freshWithin === null ? who : `${who}, within ${freshWithin} of a password`;
    };
    const roots = [...OPERATIONS].map(([name, { requires, freshWithin }]) => [
      name,
      words(requires, freshWithin),
    ]);
    const others = Object.values(schema.getTypeMap())
      .filter(
        (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith("__"),
      )
      .filter((type) => !Object.values(ROOTS).includes(type))
      .flatMap((type) =>
        Object.values(type.getFields()).map((field) => {
          const own = directive("auth", field)?.["requires"] as string | undefined;
          return [
            `${type.name}.${field.name}`,
            own === undefined ? "anyone who may read the parent" : words(own),
          ];
        }),
      );
    expect(Object.fromEntries(rows.map(([, field, who]) => [field, who]))).toEqual(
      Object.fromEntries([...roots, ...others]),
    );
  });
});
