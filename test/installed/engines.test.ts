import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import semver from "semver";
import { APP, PACKAGE } from "./app.js";

/**
 * The packages that ask for a newer Node. fastify and Apollo Server depend on them. docs/installing.md says what to
 * do.
 */
const DEMANDING = ["@whatwg-node/promise-helpers", "cookie"];

test("no dependency asks for a newer Node than the package, except the two that docs/installing.md names", async () => {
  const { engines } = JSON.parse(await readFile(`${PACKAGE}/package.json`, "utf8"));
  expect(engines.node).toBe(">=20.19");
  const lock = JSON.parse(await readFile(`${APP}/package-lock.json`, "utf8"));
  const demanding = Object.entries<any>(lock.packages)
    .filter(([, { engines: asked }]) => asked?.node && !semver.satisfies("20.19.0", asked.node))
    .map(([path]) => path.split("node_modules/").at(-1));
  expect([...new Set(demanding)].toSorted()).toEqual(DEMANDING);
  const page = await readFile(`${PACKAGE}/docs/installing.md`, "utf8");
  for (const name of DEMANDING) expect(page).toContain(`\`${name}\``);
});
