import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, beforeEach, expect, test } from "@jest/globals";
import ts from "typescript";
import { runCommand } from "../../support/command.js";
import { describeGates } from "../../support/gate.js";
import { fresh } from "../../support/fresh.js";
import { displayNames } from "./display-names.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** The compiled file of the feature, as an application would build it. */
const MODULE = "./test/generated/features/display-names.js";
const SET = `mutation ($name: String!) { setDisplayName(name: $name) }`;
/** In milliseconds. Long, because processes start slowly on a busy machine. */
const TIMEOUT = 120_000;

beforeAll(async () => {
  const source = await readFile(new URL("display-names.ts", import.meta.url), "utf8");
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  const { outputText } = ts.transpileModule(source, { compilerOptions });
  await mkdir(`${ROOT}/test/generated/features`, { recursive: true });
  await writeFile(`${ROOT}/${MODULE}`, outputText);
});

// The types of the package are not those of src, which the gate takes.
describeGates({ features: [displayNames as never] }, (gate) => {
  let count = 0;
  let username: string;
  let id: string;
  let authorization: string;

  beforeEach(async () => {
    username = `ada${(count += 1)}`;
    id = await gate.user(username);
    ({ authorization } = await fresh(gate, id));
    await gate.ask(SET, { authorization, variables: { name: "Ada Lovelace" } });
    await gate.ask(SET, {
      authorization: (await fresh(gate, await gate.user(`${username}-other`))).authorization,
      variables: { name: `Friend ${count}` },
    });
  });

  const names = async () => {
    const rows = await gate.sql("SELECT name FROM display_name WHERE user_id = ? OR name = ?", [
      id,
      `Friend ${count}`,
    ]);
    return rows.map(({ name }) => name).sort();
  };

  const command = (...parameters: string[]) =>
    runCommand(parameters, {
      cwd: ROOT,
      env: { DATABASE_URL: gate.databaseUrl, SECRET_KEY: gate.secretKey, FEATURES: MODULE },
      timeout: TIMEOUT,
    });

  test("is a field of User", async () => {
    const { data } = await gate.ask("{ me { username displayName } }", { authorization });
    expect(data.me).toEqual({ username, displayName: "Ada Lovelace" });
    expect(await names()).toEqual(["Ada Lovelace", `Friend ${count}`]);
  });

  test("is deleted by deleteAccount, and that of another user stays", async () => {
    const { data } = await gate.ask("mutation { deleteAccount { message } }", { authorization });
    expect(data.deleteAccount.message).toBe("Account deleted");
    expect(await names()).toEqual([`Friend ${count}`]);
  });

  test("is deleted by deleteUser", async () => {
    const root = await fresh(gate, await gate.user(`${username}-root`, { role: "ADMIN" }));
    const { errors } = await gate.ask("mutation ($id: ID!) { deleteUser(id: $id) { message } }", {
      authorization: root.authorization,
      variables: { id },
    });
    expect(errors).toBeUndefined();
    expect(await names()).toEqual([`Friend ${count}`]);
  });

  test(
    "is exported by the command export-user, and deleted by delete-user",
    async () => {
      const { stdout } = await command("export-user", username);
      expect(JSON.parse(stdout).features["display-names"]).toEqual({ displayName: "Ada Lovelace" });
      expect(await command("delete-user", username, "--yes")).toMatchObject({ code: 0 });
      expect(await names()).toEqual([`Friend ${count}`]);
    },
    TIMEOUT,
  );
});

test("docs/accounts.md shows this feature as it is", async () => {
  const source = await readFile(new URL("display-names.ts", import.meta.url), "utf8");
  expect(await readFile(`${ROOT}/docs/accounts.md`, "utf8")).toContain(source);
});
