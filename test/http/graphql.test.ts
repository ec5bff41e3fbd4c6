import { beforeEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { setUpGate } from "../support/gate.js";
import { rawRequest, sendRaw } from "../support/wire.js";

const gate = setUpGate({ logLevel: "info" });

beforeEach(() => {
  gate.log.length = 0;
});

describe.each([
  ["with a list", "[]", /^Operation batching disabled\.$/],
  ["with an object without a query", "{}", /^POST body missing/],
  ["without a body and a content type", "", /Send it with the content type application\/json\.$/],
])("a request to /graphql %s", (_what, body, message) => {
  test("is refused as BAD_REQUEST, in the response and in the log", async () => {
    const { status, text } = await sendRaw(gate.url, rawRequest(body));
    const [error] = JSON.parse(text).errors;
    expect([status, error.extensions]).toEqual([400, { code: "BAD_REQUEST" }]);
    expect(error.message).toMatch(message);
    await eventually(() => gate.log.length > 0);
    expect(gate.log).toMatchObject([{ msg: "request", status: 400, outcome: "BAD_REQUEST" }]);
  });

  test("gets only the usual headers", async () => {
    const { head } = await sendRaw(gate.url, rawRequest(body));
    const [, ...lines] = head.split("\r\n");
    expect(lines.map((line) => line.split(":")[0]?.toLowerCase()).toSorted()).toEqual([
      "cache-control",
      "connection",
      "content-length",
      "content-security-policy",
      "content-type",
      "date",
      "referrer-policy",
      "vary",
      "x-content-type-options",
    ]);
  });
});
