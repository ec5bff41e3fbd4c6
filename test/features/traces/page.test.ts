import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { CLI, expectOneLine, LISTENS, ROOT } from "../../support/command.js";
import { eventually } from "../../support/eventually.js";
import { runNode, startNode, waitForLine } from "../../support/node-process.js";

/** The folder is inside the package, so that the page's file finds the installed libraries. */
const FOLDER = `${ROOT}test/generated/traces`;

describe("the traces of docs/operations.md", () => {
  let data: string;

  beforeAll(async () => {
    const page = await readFile(`${ROOT}docs/operations.md`, "utf8");
    const [, code = ""] = /^```js\n\/\/ tracing\.mjs\n(.*?)^```$/ms.exec(page) ?? [];
    await rm(FOLDER, { recursive: true, force: true });
    await mkdir(FOLDER, { recursive: true });
    await writeFile(`${FOLDER}/tracing.mjs`, code);
    data = await mkdtemp(join(tmpdir(), "traces-"));
  });

  afterAll(() => rm(data, { recursive: true, force: true }));

  const env = () => ({
    ...{ TRACES: "on", PORT: "0", LOG_LEVEL: "info" },
    DATABASE_URL: `sqlite:${join(data, "gatehouse.sqlite")}`,
  });

  test("arrive over OTLP, even the last ones before the server stops", async () => {
    const bodies: string[] = [];
    const paths = new Set<string | undefined>();
    const collector = createServer((request, response) => {
      paths.add(request.url);
      void text(request).then((body) => {
        bodies.push(body);
        response.setHeader("content-type", "application/json").end("{}");
      });
    }).listen(0, "127.0.0.1");
    await once(collector, "listening");
    const { port } = collector.address() as AddressInfo;
    const { child, ended } = startNode(["--import", `${FOLDER}/tracing.mjs`, CLI, "serve"], {
      cwd: data,
      env: { ...env(), OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
      timeout: 300_000,
    });
    try {
      const [, url = ""] = await waitForLine(child, LISTENS);
      await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: "{ me { id } }" }),
      });
      child.kill();
      expect((await ended).code).toBe(0);
      await eventually(() => bodies.join("").includes("query me"), 30_000);
      expect(paths).toEqual(new Set(["/v1/traces"]));
      expect(bodies.join("")).toContain('"stringValue":"gatehouse"');
    } finally {
      child.kill();
      await ended;
      collector.close();
    }
  });

  test("need an SDK: without one, the server does not start, and one line says why", async () => {
    const ended = await runNode([CLI, "serve"], { cwd: data, env: env() });
    expectOneLine(
      ended,
      /^gatehouse: TRACES: needs an SDK of OpenTelemetry, loaded before Gatehouse with `node --import`\n$/,
    );
  });
});
