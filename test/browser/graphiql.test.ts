import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { ACTION_TIMEOUT, type Page } from "../support/browsers/driver.js";
import { describeBrowser } from "../support/browsers/index.js";
import { eventually } from "../support/eventually.js";
import { PASSWORD } from "../support/gate.js";
import { Stage } from "../support/stage.js";

const ACCESS_LIFETIME = 60;

let stage: Stage;
let page: Page;

const run = () => page.getByRole("button", { name: /^Execute query/ }).click();
const shows = (text: string) => page.getByLabel("Result Window").getByText(text).first().waitFor();
const says = (status: string) =>
  page.getByRole("status").getByText(status, { exact: true }).waitFor();

/** Opens a tab, and waits until GraphiQL shows its operation. For a moment it still shows that of the last tab. */
async function openTab(name: string): Promise<void> {
  await page
    .getByRole("tab", { name, exact: true })
    .or(page.getByRole("button", { name, exact: true }))
    .first()
    .click();
  await eventually(async () => name === (await page.evaluate(OPERATION)), ACTION_TIMEOUT);
}
const use = () => page.getByRole("button", { name: "Use this login" }).click();
const refresh = () => page.getByRole("button", { name: "Refresh this login" }).click();

/**
 * Replaces the text of an editor. The text must keep the operation's name, because GraphiQL notices another name only
 * later.
 */
const edit = (selector: string, text: string) =>
  page.evaluate(
    `document.querySelector("${selector} .CodeMirror").CodeMirror.setValue(${JSON.stringify(text)})`,
  );
const QUERY = ".graphiql-query-editor";
const OPERATION = `document.querySelector("${QUERY} .CodeMirror").CodeMirror.operationName`;
const VARIABLES = ".graphiql-editor-tool .graphiql-editor:not(.hidden)";

async function logIn(scheme: string): Promise<void> {
  await edit(
    QUERY,
    `mutation LogIn { login(username: "ada", password: "${PASSWORD}", scheme: ${scheme}) { token access refresh expiresAt } }`,
  );
  await run();
}

describeBrowser("GraphiQL, in a browser", () => {
  beforeAll(async () => {
    stage = await Stage.open(() => ({ accessTokenLifetime: ACCESS_LIFETIME }));
  });

  beforeEach(async () => {
    // A new profile for each test, because GraphiQL stores its tabs.
    page = await stage.visit(await stage.person({}), "graphql");
    // GraphiQL fills in the variables last.
    await page.getByLabel("Variables").getByText('"admin"').waitFor();
    await says("Not logged in");
  });

  afterEach(async () => {
    expect(await stage.reset()).toEqual([]);
  });

  afterAll(() => stage.close());

  test("one click sends the login's token with every tab, and another click replaces an expired token", async () => {
    await edit(VARIABLES, JSON.stringify({ username: "ada", password: PASSWORD }));
    await run();
    await says("Logged in");
    await use();
    await says("Sent with this tab");
    // A tab without headers gets the token too.
    await openTab("Me");
    await says("Sent with this tab");
    await run();
    await shows('"ada@example.com"');

    stage.gate.advance(ACCESS_LIFETIME + 10);
    await run();
    await shows('"token_expired"');
    await says("Expired");
    await refresh();
    await says("Sent with this tab");
    await run();
    await shows('"ada@example.com"');
    await page.getByRole("button", { name: "New tab" }).click();
    await says("Sent with this tab");
  });

  test.each([
    ["TOKEN", "Token gth_"],
    ["SLIDING", "Bearer eyJ"],
  ])("uses the credential of a login by %s", async (scheme, authorization) => {
    await logIn(scheme);
    await use();
    await page.getByRole("button", { name: "Headers" }).click();
    await page.getByLabel("Headers").getByText(authorization).waitFor();
    await edit(QUERY, "query LogIn { me { email } }");
    await run();
    await shows('"ada@example.com"');
  });

  test("has the same tabs after a reload, each with its own variables", async () => {
    await openTab("Me");
    const active = `JSON.parse(localStorage.getItem("graphiql:tabState"))?.activeTabIndex`;
    await eventually(async () => (await page.evaluate(active)) === 1, ACTION_TIMEOUT);
    await page.reload();
    await page.getByRole("tab", { name: "LogOut" }).waitFor();
    const tabs = await page.getByRole("tab").allTextContents();
    expect(tabs.map((text) => text.split(" ")[0])).toEqual(["LogIn", "Me", "Refresh", "LogOut"]);
  });

  test("keeps the other headers of a tab", async () => {
    await logIn("JWT");
    await page.getByRole("button", { name: "Headers" }).click();
    await edit(VARIABLES, JSON.stringify({ "x-trace": "1", authorization: "Bearer old" }));
    await use();
    const headers = await page.evaluate<string>(
      `document.querySelector("${VARIABLES} .CodeMirror").CodeMirror.getValue()`,
    );
    expect(Object.keys(JSON.parse(headers))).toEqual(["x-trace", "Authorization"]);
  });

  test("says why a credential cannot be refreshed", async () => {
    await logIn("JWT");
    await use();
    stage.gate.advance(8 * 86_400);
    await edit(QUERY, "query LogIn { me { email } }");
    await run();
    await says("Expired");
    await refresh();
    await page
      .getByRole("status")
      .getByText(/expired/i)
      .waitFor();
  });
});
