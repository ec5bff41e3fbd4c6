import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Audit, serverAudits } from "graphql-http";
import { setUpGate } from "../support/gate.js";

/**
 * GraphQL is served by POST only. Any page can make a browser send a GET, and logs and caches keep the URL of a GET.
 */
const GET_IS_NOT_SERVED = new Set(["5A70", "D6D5", "6A70"]);

/**
 * Apollo Server answers 400 to a request without an operation, in both media types, so that proxies and monitors
 * notice it.
 */
const SAYS_400_IN_PLAIN_JSON = new Set(["572B", "FDE2", "7B9B"]);

const gate = setUpGate();
let audits: Map<string, Audit>;

beforeAll(() => {
  audits = new Map(serverAudits({ url: `${gate.url}/graphql` }).map((audit) => [audit.id, audit]));
});

describe("GraphQL over HTTP, as graphql-http audits it", () => {
  const names = serverAudits({ url: "http://nowhere" }).map(({ id, name }) => ({ id, name }));
  const isException = ({ id }: { id: string }) =>
    GET_IS_NOT_SERVED.has(id) || SAYS_400_IN_PLAIN_JSON.has(id);

  test.each(names.filter((audit) => !isException(audit)))("$id: $name", async ({ id }) => {
    expect(await audits.get(id)?.fn()).toMatchObject({ status: "ok" });
  });

  test.each(names.filter(isException))(
    "$id: is not followed, on purpose: $name",
    async ({ id, name }) => {
      expect(name).not.toMatch(/^MUST/);
      const result = await audits.get(id)?.fn();
      const status = GET_IS_NOT_SERVED.has(id) ? 405 : 400;
      expect(result).toMatchObject({
        reason: "Response status code is not 200",
        response: { status },
      });
    },
  );
});
