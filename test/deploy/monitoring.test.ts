import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { METRICS_TOKEN, scrape } from "../features/metrics/scrape.js";
import { ROOT } from "../support/command.js";
import { setUpGate } from "../support/gate.js";
import { describeWith, runProgram } from "../support/programs.js";

const read = (name: string) => readFile(join(ROOT, name), "utf8");

interface Rule {
  alert: string;
  expr: string;
}
interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}

const { groups } = parse(await read("deploy/prometheus/alerts.yaml")) as {
  groups: { rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(await read("deploy/grafana/gatehouse.json")) as Dashboard;
const targets = panels.flatMap((panel) => panel.targets);

/** Returns the names of the metrics in an expression of PromQL. */
function metricsIn(expression: string): string[] {
  return expression.match(/\b(gatehouse|nodejs|process)_\w+|\bup\b/g) ?? [];
}

describe("with all features that have metrics", () => {
  const gate = setUpGate({
    metrics: true,
    metricsToken: METRICS_TOKEN,
    smtpUrl: "smtp://127.0.0.1:1",
    mailFrom: "gatehouse@example.com",
    webhookUrl: "http://127.0.0.1:1/",
    webhookSecret: `whsec_${Buffer.alloc(32, 1).toString("base64")}`,
  });
  /** The names of all time series that we serve, and `up`, which Prometheus itself adds. */
  let names: Set<string>;
  let text: string;

  beforeAll(async () => {
    await gate.me();
    text = await scrape(gate);
    const series = [...text.matchAll(/^(\w+)[{ ]/gm)].map(([, name = ""]) => name);
    // These metrics have no value yet, such as the time of a job's last success.
    const declared = [...text.matchAll(/^# TYPE (\w+) (?:counter|gauge)$/gm)];
    names = new Set(["up", ...series, ...declared.map(([, name = ""]) => name)]);
  });

  test.each(rules.map(({ alert, expr }) => [alert, expr]))(
    "the alert %s names metrics that exist",
    (_alert, expr) => {
      expect(metricsIn(expr)).not.toEqual([]);
      expect(metricsIn(expr).filter((name) => !names.has(name))).toEqual([]);
    },
  );

  test("each panel of the dashboard names metrics that exist", () => {
    expect(targets.length).toBeGreaterThan(20);
    for (const { expr } of targets) {
      expect(metricsIn(expr)).not.toEqual([]);
      expect(metricsIn(expr).filter((name) => !names.has(name))).toEqual([]);
    }
  });

  describeWith("promtool")("promtool", () => {
    /** Runs promtool over a file with this text. */
    const check = async (command: readonly string[], content: string) => {
      const folder = await mkdtemp(join(tmpdir(), "promtool-"));
      try {
        await writeFile(join(folder, "file"), content);
        return await runProgram("promtool", [...command, join(folder, "file")]);
      } finally {
        await rm(folder, { recursive: true });
      }
    };

    test("accepts the rules, and their tests pass", async () => {
      const checked = await runProgram("promtool", [
        "check",
        "rules",
        join(ROOT, "deploy/prometheus/alerts.yaml"),
      ]);
      expect(checked).toMatchObject({
        code: 0,
        output: expect.stringContaining(`${rules.length} rules`),
      });
      const tests = await read("test/deploy/alerts.promtool.yaml");
      expect([...tests.matchAll(/alertname: (\w+)/g)].map(([, name]) => name).toSorted()).toEqual(
        rules.flatMap(({ alert }) => [alert, alert]).toSorted(),
      );
      const tested = await runProgram("promtool", [
        "test",
        "rules",
        join(ROOT, "test/deploy/alerts.promtool.yaml"),
      ]);
      expect(tested).toMatchObject({ code: 0, output: expect.stringContaining("SUCCESS") });
    });

    test("accepts each expression of the dashboard", async () => {
      const recorded = targets.map(({ expr }, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"),
      }));
      const file = stringify({ groups: [{ name: "panels", rules: recorded }] });
      expect(await check(["check", "rules"], file)).toMatchObject({ code: 0 });
    });

    test("finds no fault in Gatehouse's own metrics", async () => {
      const own = text
        .split("\n")
        .filter((line) => /^(# \w+ )?gatehouse_/.test(line))
        .join("\n");
      expect(own.length).toBeGreaterThan(1000);
      const folder = await mkdtemp(join(tmpdir(), "promtool-"));
      try {
        await writeFile(join(folder, "metrics"), `${own}\n`);
        const script = `promtool check metrics < ${join(folder, "metrics")}`;
        expect(await runProgram("sh", ["-c", script])).toEqual({ code: 0, output: "" });
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });
});

test("docs/operations.md has a line for each alert that says what to do", async () => {
  const page = await read("docs/operations.md");
  const rows = [...page.matchAll(/^\| `(Gatehouse\w+)` +\| .+ \| .{20,} \|$/gm)].map(
    ([, name]) => name,
  );
  expect(rows.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
});
