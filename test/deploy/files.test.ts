import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { validate } from "dockerfile-utils";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Service } from "kubernetes-models/v1/Service";
import { parse, parseAllDocuments } from "yaml";
import { CLI, ROOT } from "../support/command.js";
import { createDatabase, describePostgres, type TestDatabase } from "../support/databases.js";
import { describeNginx, NGINX } from "../support/nginx.js";
import { waitForLine } from "../support/node-process.js";
import { describePgBouncer, PgBouncer } from "../support/pgbouncer.js";
import { POSTGRES_URL, runPostgres } from "../support/postgresql.js";
import { describeWith, runProgram } from "../support/programs.js";

type Environment = Record<string, string>;

const read = (name: string) => readFile(join(ROOT, "deploy", name), "utf8");

/** Values for the variables of `deploy/.env`. */
const ENV_FILE: Environment = {
  PUBLIC_URL: "https://localhost",
  POSTGRES_PASSWORD: "not used here",
  SECRET_KEY: randomBytes(32).toString("hex"),
};

describe("deploy/Dockerfile", () => {
  test("has no fault that its linter knows", async () => {
    expect(validate(await read("Dockerfile"))).toEqual([]);
  });

  test("copies only files that exist and that its .dockerignore allows", async () => {
    const [, ...lines] = (await read("Dockerfile.dockerignore")).trim().split("\n");
    const allowed = lines.map((line) => line.replace(/^!/, ""));
    expect(allowed.filter((name) => !name.includes("*") && !existsSync(join(ROOT, name)))).toEqual(
      [],
    );
    const [, sources = ""] = /^COPY (package.*) \.\/$/m.exec(await read("Dockerfile")) ?? [];
    expect(allowed).toEqual(expect.arrayContaining(sources.split(" ")));
  });

  test("runs the server as a user without rights", async () => {
    const [, , last = ""] = (await read("Dockerfile")).split(/^FROM /m);
    expect(last).toMatch(/^USER node$/m);
  });
});

describe("deploy/compose.yaml", () => {
  test("has no fault that its linter knows", async () => {
    const linter = join(ROOT, "node_modules/.bin/dclint");
    const file = join(ROOT, "deploy/compose.yaml");
    expect(await runProgram(linter, ["--max-warnings", "0", file])).toMatchObject({ code: 0 });
  });
});

describe("deploy/kubernetes.yaml", () => {
  const kinds = { Deployment, Service, PodDisruptionBudget };

  test("has only objects that match their schemas", async () => {
    const documents = parseAllDocuments(await read("kubernetes.yaml"));
    expect(documents).toHaveLength(3);
    for (const document of documents) {
      const object = document.toJS() as { kind: keyof typeof kinds };
      expect(Object.keys(kinds)).toContain(object.kind);
      new kinds[object.kind](object as never).validate();
    }
  });
});

describeWith("systemd-analyze")("deploy/gatehouse.service", () => {
  const file = join(ROOT, "deploy/gatehouse.service");

  test("has no fault that systemd knows", async () => {
    const folder = await mkdtemp(join(tmpdir(), "unit-"));
    const unit = join(folder, "gatehouse.service");
    // The unit's path of Node may not exist on this machine, so this test replaces the path.
    await writeFile(
      unit,
      (await readFile(file, "utf8")).replaceAll("/usr/bin/node", process.execPath),
    );
    expect(await runProgram("systemd-analyze", ["verify", "--man=no", unit])).toEqual({
      code: 0,
      output: "",
    });
    await rm(folder, { recursive: true });
  });

  test("gets a low exposure rating from systemd", async () => {
    const rated = await runProgram("systemd-analyze", ["security", "--offline=true", file]);
    const [, exposure = "10"] = /exposure level for \S+: ([\d.]+)/.exec(rated.output) ?? [];
    expect(Number(exposure)).toBeLessThan(2);
  });
});

describeNginx("deploy/nginx.conf", () => {
  test("is accepted by nginx", async () => {
    const folder = await mkdtemp(join(tmpdir(), "nginx-"));
    await runProgram("openssl", [
      ..."req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost".split(" "),
      ...["-keyout", join(folder, "privkey.pem"), "-out", join(folder, "fullchain.pem")],
    ]);
    const site = (await read("nginx.conf"))
      .replaceAll("/etc/nginx/tls", folder)
      .replaceAll(/gatehouse-[12]:/g, "127.0.0.1:");
    await writeFile(join(folder, "site.conf"), site);
    const main = `pid ${folder}/pid; events {} http { include ${folder}/site.conf; }`;
    await writeFile(join(folder, "nginx.conf"), main);
    const tested = await runProgram(NGINX, ["-t", "-q", "-c", join(folder, "nginx.conf")]);
    await rm(folder, { recursive: true });
    expect(tested).toEqual({ code: 0, output: "" });
  });
});

describePgBouncer("deploy/pgbouncer.ini", () => {
  test("starts a PgBouncer through which PostgreSQL can be reached", async () => {
    const bouncer = await PgBouncer.start(join(ROOT, "deploy/pgbouncer.ini"));
    try {
      expect(await runPostgres(bouncer.urlOf(POSTGRES_URL), "SELECT 1 AS one")).toEqual([
        { one: 1 },
      ]);
    } finally {
      await bouncer.stop();
    }
  });
});

describePostgres("the settings of the deployments", () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase("postgresql");
  });
  afterAll(() => database.drop());

  /** Runs a program as in a container: as a user without rights, on a read-only file system. */
  const CONTAINER =
    "bwrap --ro-bind / / --dev /dev --proc /proc --unshare-user --uid 1000 --gid 1000 --die-with-parent".split(
      " ",
    );

  /** Starts the server, waits until it is ready, and stops it. Returns the status of `/health/ready`. */
  async function tryOut(env: Environment, container: readonly string[] = []): Promise<number> {
    const [file, ...parameters] = [...container, process.execPath, CLI, "serve"];
    const server: ChildProcess = spawn(file, parameters, {
      cwd: ROOT,
      env: {
        PATH: process.env["PATH"],
        NODE_ENV: "production",
        HOST: "0.0.0.0",
        ...env,
        PORT: "0",
        DATABASE_URL: database.url,
        REDIS_URL: "",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [, url = ""] = await waitForLine(server, /(http:\/\/[\d.]+:\d+)/);
      const { status } = await fetch(`${url.replace("0.0.0.0", "127.0.0.1")}/health/ready`);
      return status;
    } finally {
      server.kill("SIGKILL");
    }
  }

  describeWith("bwrap")("in compose.yaml", () => {
    test("start a server, as user 1000 on a read-only file system", async () => {
      const { services } = parse(await read("compose.yaml"), { merge: true }) as {
        services: Record<string, { environment: Environment }>;
      };
      const { environment = {} } = services["gatehouse-1"] ?? {};
      expect(services["gatehouse-2"]?.environment).toEqual(environment);
      const env = Object.entries(environment).map(([name, value]) => [
        name,
        value.replaceAll(/\$\{(\w+):\?\}/g, (_, variable: string) => ENV_FILE[variable] ?? ""),
      ]);
      expect(await tryOut(Object.fromEntries(env) as Environment, CONTAINER)).toBe(200);
    });
  });

  test("in kubernetes.yaml start a server, whose probes it answers", async () => {
    const [deployment] = parseAllDocuments(await read("kubernetes.yaml"));
    const { spec } = deployment?.toJS() as Deployment;
    const [container] = spec?.template.spec?.containers ?? [];
    const env = container?.env?.map(({ name, value = "" }) => [name, value]) ?? [];
    expect(container?.readinessProbe?.httpGet?.path).toBe("/health/ready");
    expect(await tryOut({ ...ENV_FILE, ...Object.fromEntries(env) } as Environment)).toBe(200);
  });

  test("in docs/deploy.md start a server", async () => {
    const page = await readFile(join(ROOT, "docs/deploy.md"), "utf8");
    const settings = [...page.matchAll(/^([A-Z_]+)=(\S+)/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(settings.map(([name]) => name)).toContain("TRUSTED_PROXIES");
    expect(await tryOut({ ...Object.fromEntries(settings), ...ENV_FILE } as Environment)).toBe(200);
  });
});
