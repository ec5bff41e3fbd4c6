import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Auth,
  createAuth,
  createServer,
  defineFeature,
  type ProfileType,
  type Role,
  type UserType,
} from "../../src/index.js";
import { ROOT } from "../support/command.js";
import { createDatabase, type TestDatabase } from "../support/databases.js";
import { runNode, startNode, waitForLine } from "../support/node-process.js";

const PASSWORD = "correct horse battery staple";
/** The folder is inside the package, so that `graphql-gatehouse` means the built package, as for its users. */
const FOLDER = `${ROOT}test/generated/users`;
const TSCONFIG = {
  compilerOptions: {
    target: "ES2022",
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    outDir: "built",
    types: ["node"],
    typeRoots: [`${ROOT}node_modules/@types`],
  },
  include: ["*.ts"],
};

async function post(url: string, query: string, authorization?: string): Promise<any> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(authorization && { authorization }) },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

describe("the server of docs/users.md", () => {
  const secretKey = randomBytes(32).toString("base64url");
  const roles = ["READER", "EDITOR", "OWNER"];
  let database: TestDatabase;
  let auth: Auth;
  let url: string;
  let stop: () => unknown = () => undefined;
  let output = "";
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    const page = await readFile(`${ROOT}docs/users.md`, "utf8");
    await rm(FOLDER, { recursive: true, force: true });
    await mkdir(`${FOLDER}/node_modules`, { recursive: true });
    await symlink(ROOT, `${FOLDER}/node_modules/graphql-gatehouse`);
    await writeFile(`${FOLDER}/package.json`, `{ "type": "module" }`);
    await writeFile(`${FOLDER}/tsconfig.json`, JSON.stringify(TSCONFIG));
    for (const [, name = "", code = ""] of page.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)) {
      await writeFile(`${FOLDER}/${name}`, code);
    }
    const compiled = await runNode([`${ROOT}node_modules/typescript/bin/tsc`], {
      cwd: FOLDER,
      timeout: 120_000,
    });
    expect(compiled).toEqual({ code: 0, stdout: "", stderr: "" });
    database = await createDatabase("sqlite");
    auth = await createAuth({ databaseUrl: database.url, secretKey, roles });
    for (const role of roles) {
      const values = { username: role, password: PASSWORD, role: role as Role };
      ids[role] = await auth.accounts.createUser(values);
    }
    const env = { DATABASE_URL: database.url, SECRET_KEY: secretKey, PORT: "0" };
    const { child } = startNode(["built/server.js"], { cwd: FOLDER, env, timeout: 300_000 });
    stop = () => child.kill();
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    [, url = ""] = await waitForLine(child, /^Ready at (\S+)$/m);
  }, 240_000);

  afterAll(async () => {
    stop();
    await auth.close();
    await database.drop();
  });

  async function signIn(username: string): Promise<string> {
    const { access } = await auth.authentication.login({ username }, PASSWORD);
    return `Bearer ${access!}`;
  }

  test("serves the application's own fields of User and Profile", async () => {
    const query = "{ me { username profile { role motto } orders { id total } } }";
    const { data } = await post(url, query, await signIn("READER"));
    expect(data.me).toEqual({
      username: "READER",
      profile: { role: "READER", motto: `My id is ${ids["READER"]!}` },
      orders: [],
    });
  });

  test("also serves them in the response of a login, whose request is not signed in yet", async () => {
    const query = `mutation {
      login(username: "EDITOR", password: "${PASSWORD}") { user { orders { id } profile { motto } } }
    }`;
    const { data } = await post(url, query);
    expect(data.login.user).toEqual({
      orders: [],
      profile: { motto: `My id is ${ids["EDITOR"]!}` },
    });
  });

  test("guards them, and the application's root fields, with the application's roles", async () => {
    const read = async (name: string, query: string) => {
      const { data, errors } = await post(url, query, await signIn(name));
      return errors?.[0].extensions.reason ?? data;
    };
    expect(await read("OWNER", "{ me { revenue } }")).toEqual({ me: { revenue: 0 } });
    expect(await read("EDITOR", "{ me { revenue } }")).toBe("role_required");
    expect(await read("EDITOR", "{ drafts }")).toEqual({ drafts: ["On roles"] });
    expect(await read("READER", "{ drafts }")).toBe("role_required");
  });

  test("reads the data of all users of a response at once", async () => {
    for (const role of roles) await signIn(role);
    const authorization = await signIn("OWNER");
    output = "";
    const query = `{ allSessions { edges { user { id orders { id } profile { motto } } } } }`;
    const { data } = await post(url, query, authorization);
    const users = data.allSessions.edges.map(({ user }: any) => user);
    expect(new Set(users.map(({ id }: any) => id)).size).toBe(3);
    for (const { id, profile } of users) expect(profile.motto).toBe(`My id is ${id}`);
    expect(output.match(/^Read .*$/gm)).toEqual(["Read the orders of 3", "Read the mottos of 3"]);
  });
});

describe("a feature's own fields of User and Profile", () => {
  let database: TestDatabase;
  let server: Awaited<ReturnType<typeof startServer>>;

  async function startServer() {
    const extension = {
      typeDefs: `
        extend type User { badge: String! secret: String @auth(requires: ADMIN) }
        extend type Profile { owner: ID! }`,
      resolvers: {
        User: {
          badge: ({ id, username, createdAt }: UserType) =>
            `${username} ${id.length} ${createdAt.getFullYear() > 2000}`,
          secret: () => "secret",
        },
        Profile: { owner: ({ userId }: ProfileType) => userId },
      },
    };
    return createServer({
      databaseUrl: database.url,
      secretKey: randomBytes(32).toString("base64url"),
      port: 0,
      logLevel: "silent",
      features: [defineFeature({ name: "names", create: () => ({ extension }) })],
    });
  }

  beforeAll(async () => {
    database = await createDatabase("sqlite");
    server = await startServer();
    await server.auth.accounts.createUser({ username: "ada", password: PASSWORD });
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });

  test("are served and guarded by our own server", async () => {
    const { access, principal } = await server.auth.authentication.login(
      { username: "ada" },
      PASSWORD,
    );
    const read = (fields: string) =>
      post(`${server.url}/graphql`, `{ me { ${fields} } }`, `Bearer ${access!}`);
    expect((await read("badge profile { owner }")).data.me).toEqual({
      badge: "ada 32 true",
      profile: { owner: principal.id },
    });
    expect((await read("secret")).errors[0].extensions.reason).toBe("role_required");
  });

  test("leave the ids of Profile out of the schema unless a field uses them", () => {
    expect(server.auth.typeDefs).toMatch(/type Profile \{\s+role: Role!\s+owner: ID!\s+\}/);
  });
});
