import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { serveBeside } from "../support/command.js";
import { describeGates } from "../support/gate.js";

/** Returns a script that records to `file` the path of each module that its process loads. */
const recorder = (file: string) => `
  const { appendFileSync } = require("node:fs");
  const { register } = require("node:module");
  const file = ${JSON.stringify(file)};
  register("data:text/javascript," + encodeURIComponent(\`
    import { appendFileSync } from "node:fs";
    export async function load(url, context, next) {
      appendFileSync(\${JSON.stringify(file)}, url + "\\\\n");
      return next(url, context);
    }\`));
  process.on("exit", () => appendFileSync(file, Object.keys(require.cache).join("\\n")));`;

/** The packages that a start with the default settings does not need. */
const RARELY_USED = [
  ...["@mikro-orm/core", "@mikro-orm/knex", "@mikro-orm/sqlite", "@mikro-orm/postgresql", "knex"],
  ...["@apollo/protobufjs", "@node-rs/bcrypt", "@zxcvbn-ts/core", "ajv", "@fastify/ajv-compiler"],
  ...["jose", "lodash", "mysql2", "nodemailer", "pino-pretty", "prom-client", "redis"],
  ...["standardwebhooks", "unhomoglyph"],
];

/** Some of these are imported, and others are required by a package. The recorder must see both. */
const USED = ["@apollo/server", "fastify", "graphql", "semver", "type-graphql"];

describeGates((gate, database) => {
  let folder: string;
  let packages: Set<string | undefined>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gatehouse-start-"));
    const [file, script] = [join(folder, "loaded"), join(folder, "recorder.cjs")];
    await writeFile(script, recorder(file));
    const { authorization } = await gate.issue(await gate.user("ada"));
    const server = await serveBeside(gate, gate.secretKey, { NODE_OPTIONS: `--require=${script}` });
    const { data } = await server.ask("{ me { username } }", authorization);
    expect(data).toEqual({ me: { username: "ada" } });
    await server.stop();
    const paths = (await readFile(file, "utf8")).split("\n");
    packages = new Set(paths.map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]));
  }, 120_000);

  afterAll(() => rm(folder, { recursive: true }));

  test("a start and a request load no package that they do not need", () => {
    expect(USED.filter((name) => !packages.has(name))).toEqual([]);
    expect(RARELY_USED.filter((name) => packages.has(name))).toEqual([]);
  });

  test("a start loads only the driver of its database", () => {
    const driver = database === "sqlite" ? "sqlite3" : "pg";
    expect(["sqlite3", "pg"].filter((name) => packages.has(name))).toEqual([driver]);
  });
});
