import { describe, expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { setUpGate } from "../support/gate.js";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID = "00f067aa0ba902b7";
const VALID = `00-${TRACE_ID}-${PARENT_ID}-01`;

const gate = setUpGate({ logLevel: "info" });

/** Sends a refused login, and returns its lines of the log. */
async function linesOf(traceparent: string | undefined) {
  gate.log.length = 0;
  const { status, reason } = await gate.ask(
    `mutation { login(username: "ada", password: "wrong for all") { access } }`,
    { headers: { ...(traceparent !== undefined && { traceparent }) } },
  );
  expect([status, reason]).toEqual([401, "invalid_credentials"]);
  await eventually(() => gate.log.some(({ msg }) => msg === "request"));
  return gate.log;
}

describe("a traceparent header", () => {
  test("puts its trace id in each log line of the request, and in those of the audit trail", async () => {
    const lines = await linesOf(VALID);
    expect(lines.map(({ msg, traceId }) => [msg, traceId])).toEqual([
      ["audit", TRACE_ID],
      ["request", TRACE_ID],
    ]);
  });

  test("of a later version counts if it has the same form", async () => {
    const lines = await linesOf(`01-${TRACE_ID}-${PARENT_ID}-ff`);
    expect(lines.map(({ traceId }) => traceId)).toEqual([TRACE_ID, TRACE_ID]);
  });

  test.each([
    ["missing", undefined],
    ["empty", ""],
    ["too long", `${VALID}-00`],
    ["of 8 kB", `${VALID}${"0".repeat(8192)}`],
    ["too short", VALID.slice(0, -1)],
    ["of the version ff", VALID.replace(/^00/, "ff")],
    ["in upper case", VALID.toUpperCase()],
    ["without a trace id", `00-${"0".repeat(32)}-${PARENT_ID}-01`],
    ["without a parent id", `00-${TRACE_ID}-${"0".repeat(16)}-01`],
    ["not hexadecimal", VALID.replace("4bf9", "4bg9")],
    ["an attack on the log", `00-${TRACE_ID.slice(0, 20)}","level":60,"-${PARENT_ID}-01`],
    ["sent twice", `${VALID}, ${VALID}`],
  ])("that is %s is ignored", async (_what, traceparent) => {
    const lines = await linesOf(traceparent);
    expect(lines.map((line) => Object.keys(line).includes("traceId"))).toEqual([false, false]);
  });
});
