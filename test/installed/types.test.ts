import { mkdir, readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { APP, runTool, STRICT } from "./app.js";

const PROJECT = `${APP}/types`;

const SERVER = `
import {
  apolloOptions, type Auth, type AuthContext, createAuth, createServer, defineFeature, requireRole, setting,
  type SignedInContext,
} from "graphql-gatehouse";
import { ApolloServer } from "@apollo/server";

const notes = defineFeature({
  name: "notes",
  settings: { notesLimit: setting.wholeNumber({ variable: "NOTES_LIMIT", default: 3, from: 1, to: 10 }) },
  loadEntities: async () => [class Note {}],
  migrations: [{ name: "2026-11-26-notes", statements: ["CREATE TABLE note (id text)"] }],
  create: ({ sql }, { notesLimit }) => ({
    api: { limit: notesLimit, count: () => sql.read<{ n: number }>("SELECT count(*) AS n FROM note", []) },
  }),
});

export const resolvers = {
  Query: {
    mine: async (_parent: unknown, _args: object, context: SignedInContext): Promise<string> => {
      const { username } = await context.loadUser();
      return context.user.id + username;
    },
    anyone: ({}, {}, context: AuthContext): string => context.user?.id ?? "nobody",
    // @ts-expect-error: the user of an unguarded field may be null
    wrong: ({}, {}, context: AuthContext): string => context.user.id,
  },
};

export async function main(secretKey: string): Promise<number> {
  const auth = await createAuth({ secretKey, features: [notes] });
  const plain: Auth = await createAuth({ secretKey });
  const keys: readonly { readonly kid: string; readonly kty: string }[] = plain.jwks().keys;
  const server = new ApolloServer(apolloOptions(auth.guard(auth.schema)));
  await requireRole(await auth.createContext(), "ADMIN");
  const { url } = await createServer({ secretKey, notesLimit: 4, features: [notes] });
  const [row] = await auth.count();
  return keys.length + url.length + auth.limit + (row?.n ?? 0) + (server.logger === undefined ? 1 : 0);
}
`;

const CLIENT = `
import { createAuthClient, findRefusal, toFailure } from "graphql-gatehouse/client";
import { createAccountClient, createImpersonation } from "graphql-gatehouse/client/account";
import { AuthProvider, useAuth } from "graphql-gatehouse/react";
import { createAuthLink } from "graphql-gatehouse/apollo";
import { createAuthConfig } from "graphql-gatehouse/urql";

const client = createAuthClient({ url: "http://127.0.0.1:4000/graphql" });
export const link = createAuthLink(client);
export async function signUp(password: string): Promise<string> {
  const account = { username: "ada", email: "ada@example.com", password };
  const { data, error } = await createAccountClient(client).register(account);
  // @ts-expect-error: how the client works inside is not public
  client.internals;
  return error ? (error.problems ?? [error.reason]).join() : (data.user?.username ?? data.message);
}
export const config = createAuthConfig(client);
export const refusal: string | undefined = findRefusal([])?.reason;
export const retryAfter: number | undefined = toFailure({ message: "" }).retryAfter;
export async function actAs(userId: string): Promise<string> {
  const { client: acting, start } = createImpersonation(client);
  const { data, error } = await start(userId, "ticket 4711");
  return error ? error.reason : acting.scheme + data.username;
}
export const provided = AuthProvider({ client });
export function useName(): string | undefined {
  const { status, user } = useAuth();
  return status === "authenticated" ? user.username : undefined;
}
`;

const VERIFY = `
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import express from "express";
import { fastify } from "fastify";
import { createVerifier, Refusal, type VerifiedToken } from "graphql-gatehouse/verify";

declare global {
  namespace Express {
    interface Request {
      auth?: VerifiedToken;
    }
  }
}

const verifier = createVerifier({
  issuer: "https://auth.example.com",
  audience: "gatehouse",
  introspection: { clientId: "orders", clientSecret: "secret" },
});

const app = express();
app.use("/admin", verifier.express({ role: "ADMIN" }));
app.get("/", (request, response) => void response.send(request.auth?.claims.sub));
fastify().addHook("onRequest", verifier.fastify());

const apollo = new ApolloServer<{ auth: VerifiedToken | null }>({ typeDefs: "type Query { a: Int }" });
export const started = startStandaloneServer(apollo, { context: verifier.apolloContext({ isOptional: true }) });

export async function handle(request: Request): Promise<Response> {
  try {
    const { claims, introspection } = await verifier.fromRequest(request);
    // @ts-expect-error: without the option, introspection may be null
    introspection.role;
    const anyone = await verifier.fromRequest(request, { isOptional: true });
    // @ts-expect-error: a request without a token has no claims
    anyone.claims;
    return new Response(claims.sub + (introspection?.role ?? ""));
  } catch (error) {
    if (error instanceof Refusal) return error.toResponse();
    throw error;
  }
}
`;

/** Apollo Client and a package that it needs have errors in their own declarations, whoever imports them. */
const FAULTY = /^\.\.\/node_modules\/(@apollo\/client|@wry\/caches)\//;

const MODULES = ["server.ts", "client.ts", "verify.ts", "example.ts"];
const BOTH = [...MODULES, "server.cts", "client.cts", "verify.cts"];

/** The example that embeds the package, as TypeScript with the type that its comment names. */
async function readExample(): Promise<string> {
  const example = await readFile("examples/embed/server.js", "utf8");
  const typed = example.replace(
    "(_parent, _args, context)",
    '(_parent: unknown, _args: object, context: import("graphql-gatehouse").SignedInContext)',
  );
  expect(typed).not.toBe(example);
  return typed;
}

beforeAll(async () => {
  await mkdir(PROJECT);
  await writeFile(`${PROJECT}/package.json`, JSON.stringify({ type: "module" }));
  await writeFile(`${PROJECT}/example.ts`, await readExample());
  for (const [name, code] of Object.entries({ server: SERVER, client: CLIENT, verify: VERIFY })) {
    await writeFile(`${PROJECT}/${name}.ts`, code);
    await writeFile(`${PROJECT}/${name}.cts`, code);
  }
});

/** Returns the compiler's errors. The application's `@types/node` is the newest. */
async function compile(options: object, files: readonly string[]): Promise<string[]> {
  const compilerOptions = { ...STRICT, lib: ["ES2023", "DOM"], types: ["node"], ...options };
  await writeFile(`${PROJECT}/tsconfig.json`, JSON.stringify({ compilerOptions, files }));
  const { stdout } = await runTool("typescript/bin/tsc", ["-p", "."], PROJECT);
  return stdout.split("\n").filter((line) => /^\S/.test(line) && !FAULTY.test(line));
}

describe("strict applications and the embedding example compile, although the compiler checks declarations too", () => {
  test.each([
    ["node16", { module: "Node16", esModuleInterop: true }, BOTH],
    ["nodenext", { module: "NodeNext", esModuleInterop: true }, BOTH],
    ["bundler", { module: "ESNext", moduleResolution: "Bundler" }, MODULES],
    ["node10", { module: "CommonJS", moduleResolution: "Node10", esModuleInterop: true }, MODULES],
  ])("under moduleResolution %s", async (_name, options, files) => {
    expect(await compile(options, files)).toEqual([]);
  });
});
