import { chmod, copyFile, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { type Auth, createAuth } from "../../src/index.js";
import { becomes } from "../support/eventually.js";
import { describeCluster, PostgresCluster, ROLE_PASSWORD } from "../support/postgresql-cluster.js";

describeCluster("a server that takes TLS only", () => {
  const secretKey = randomBytes(32).toString("base64url");
  let cluster: PostgresCluster;

  beforeAll(async () => {
    cluster = await PostgresCluster.start();
    await cluster.sql(`CREATE ROLE ada LOGIN PASSWORD '${ROLE_PASSWORD}'`);
    await cluster.sql("CREATE ROLE carol LOGIN");
    await cluster.sql(`CREATE ROLE full LOGIN PASSWORD '${ROLE_PASSWORD}' CONNECTION LIMIT 0`);
    await cluster.sql("CREATE DATABASE shop OWNER ada");
    // Both users work with the tables of the role ada, because an application's tables belong to one role.
    await cluster.sql("GRANT ada TO carol");
    await cluster.sql("ALTER ROLE carol SET role = ada");
    await copyFile(cluster.file("carol.key"), cluster.file("open.key"));
    await chmod(cluster.file("open.key"), 0o644);
    await writeFile(cluster.file("garbage.crt"), "garbage");
  });

  afterAll(() => cluster.stop());

  /** Returns a URL of the database. Names of files such as `ca.crt` become paths of the cluster's files. */
  function urlOf(
    query: string,
    { user = `ada:${ROLE_PASSWORD}`, host = "localhost" } = {},
  ): string {
    const files = query.replaceAll(
      /=(\w+\.(crt|key))/g,
      (_all, name: string) => `=${cluster.file(name)}`,
    );
    return `postgresql://${user}@${host}:${cluster.port}/shop?${files}`;
  }

  async function withAuth(
    databaseUrl: string,
    use: (auth: Auth) => Promise<void>,
    options: { databaseSchema?: string; databasePoolSize?: number } = {},
  ): Promise<void> {
    const auth = await createAuth({ secretKey, databaseUrl, ...options });
    try {
      await use(auth);
    } finally {
      await auth.close();
    }
  }

  async function faultOf(databaseUrl: string, options = {}): Promise<string> {
    const error = await withAuth(databaseUrl, () => Promise.resolve(), options).then(
      () => new Error("It opened."),
      (reason: unknown) => reason as Error,
    );
    expect(error.message).not.toContain(ROLE_PASSWORD);
    expect(error.message).not.toContain("\n");
    return error.message;
  }

  /** Waits until the server sees one connection, with TLS. It may see that of the test before for a moment. */
  const hasConnectionOf = (role: string) =>
    becomes(
      () =>
        cluster.sql(
          `SELECT application_name AS name, ssl, usename AS role FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
           WHERE datname = 'shop' AND backend_type = 'client backend'`,
        ),
      [{ name: "gatehouse", ssl: true, role }],
    );

  describe("is used with TLS", () => {
    test.each([
      "",
      "sslmode=prefer",
      "sslmode=require",
      "sslmode=no-verify",
      "sslmode=no-verify&sslrootcert=other.crt",
      "sslmode=require&sslrootcert=ca.crt",
      "sslmode=verify-ca&sslrootcert=ca.crt",
      "sslmode=verify-full&sslrootcert=ca.crt",
    ])("with %p", async (query) => {
      await withAuth(urlOf(query), async () => {
        await hasConnectionOf("ada");
      });
    });

    test("with verify-ca, whatever the host's name", async () => {
      const url = urlOf("sslmode=verify-ca&sslrootcert=ca.crt", { host: "127.0.0.1" });
      await withAuth(url, async () => {
        await hasConnectionOf("ada");
      });
    });

    test("with a client's certificate instead of a password", async () => {
      const query = "sslmode=verify-full&sslrootcert=ca.crt&sslcert=carol.crt&sslkey=carol.key";
      await withAuth(urlOf(query, { user: "carol" }), async () => {
        await hasConnectionOf("carol");
      });
    });

    test("and the same certificate when the tables are compared with the entities", async () => {
      const query = "sslmode=verify-full&sslrootcert=ca.crt&sslcert=carol.crt&sslkey=carol.key";
      const database = await Database.open({ databaseUrl: urlOf(query, { user: "carol" }) });
      try {
        await database.migrate();
        expect(await database.pendingChanges()).toBe("");
        expect(await database.pendingChanges()).toBe("");
      } finally {
        await database.close();
      }
    });
  });

  test.each<[what: string, query: string, fault: RegExp, where?: { user?: string; host?: string }]>(
    [
      [
        "TLS is switched off",
        "sslmode=disable",
        /may require TLS; set sslmode=require: no pg_hba.conf entry .*, no encryption$/,
      ],
      [
        "another authority",
        "sslmode=verify-ca&sslrootcert=other.crt",
        /^The certificate of the database server is refused: (self-signed|unable to)/,
      ],
      [
        "another authority and only require",
        "sslmode=require&sslrootcert=other.crt",
        /^The certificate of the database server is refused: /,
      ],
      [
        "another authority and prefer, if the server requires TLS",
        "sslmode=prefer&sslrootcert=other.crt",
        /^The certificate of the database server is refused: /,
      ],
      [
        "another authority and prefer, if the server refuses the role also without TLS",
        "sslmode=prefer&sslrootcert=other.crt",
        /^The database server has too many connections: /,
        { user: `full:${ROLE_PASSWORD}` },
      ],
      [
        "an authority that Node knows",
        "sslmode=verify-full&sslrootcert=system",
        /^The certificate of the database server is refused: /,
      ],
      [
        "another name",
        "sslmode=verify-full&sslrootcert=ca.crt",
        /^The certificate of the database server is refused: .*127\.0\.0\.1/,
        { host: "127.0.0.1" },
      ],
      [
        "a file that is missing",
        "sslrootcert=none.crt",
        /^sslrootcert: the file \S+none\.crt cannot be used: ENOENT/,
      ],
      [
        "a file that is no certificate",
        "sslrootcert=garbage.crt",
        /^sslrootcert: the file \S+garbage\.crt cannot be used: /,
      ],
      [
        "another key",
        "sslcert=carol.crt&sslkey=server.key",
        /^sslkey: the file \S+server\.key cannot be used: .*mismatch/,
      ],
      [
        "a key that others can read",
        "sslcert=carol.crt&sslkey=open.key",
        /^sslkey: others can read \S+open\.key; run chmod 600 on it\.$/,
      ],
      [
        "no certificate of the client",
        "",
        /^The database server refuses the role carol: connection requires a valid client certificate$/,
        { user: "carol" },
      ],
      [
        "a wrong password",
        "",
        /^The database server refuses the role ada or its password: password authentication failed for user "ada"$/,
        { user: "ada:wrong" },
      ],
      [
        "too many connections",
        "",
        /^The database server has too many connections: too many connections for role "full"$/,
        { user: `full:${ROLE_PASSWORD}` },
      ],
      [
        "a missing database",
        "dbname=nowhere",
        /^The database nowhere does not exist; `gatehouse migrate --create` makes it: database "nowhere" does not exist$/,
      ],
      [
        "a port that nothing listens on",
        "port=1",
        /^No database server listens on localhost:1: connect ECONNREFUSED/,
      ],
      [
        "an unknown host",
        "",
        /^The database server's host gate\.invalid is unknown: getaddrinfo /,
        { host: "gate.invalid" },
      ],
      [
        "a socket that is not there",
        "host=/nowhere",
        /^No database server listens on \/nowhere\/\.s\.PGSQL\.\d+: connect ENOENT/,
      ],
      [
        "an option that the server does not know",
        "options=-c%20no_such=1",
        /unrecognized configuration parameter "no_such"$/,
      ],
    ],
  )(
    "is refused in one line that quotes the server: %s",
    async (_what, query, fault, ...[where]) => {
      expect(await faultOf(urlOf(query, where))).toMatch(fault);
    },
  );
});
