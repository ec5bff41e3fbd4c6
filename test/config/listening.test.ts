import { expect, test } from "@jest/globals";
import { toListenError } from "../../src/config/problems.js";
import { serverUrl } from "../../src/config/server-config.js";
import { setUpGate } from "../support/gate.js";

const gate = setUpGate();
const NAMES = { host: "host", port: "port" };

test("a port that another process uses is named", async () => {
  const { port } = new URL(gate.url);
  await expect(gate.another({ port: Number(port) })).rejects.toThrow(
    /^port: is in use by another process$/,
  );
});

test("a host that is not an address of this machine is named", async () => {
  await expect(gate.another({ host: "198.51.100.1", graphiql: false })).rejects.toThrow(
    /^host: is not an address of this machine$/,
  );
});

test("the URL of an IPv6 address has brackets", () => {
  expect([serverUrl("::1", 1), serverUrl("127.0.0.1", 1)]).toEqual([
    "http://[::1]:1",
    "http://127.0.0.1:1",
  ]);
});

test("the setting's error has the cause, and any other error stays as it is", () => {
  const taken = Object.assign(new Error("x"), { code: "EACCES" });
  expect(toListenError(taken, NAMES)).toMatchObject({
    message: "port: may not be used by this process",
    cause: taken,
  });
  for (const code of ["EMFILE", undefined]) {
    const error = Object.assign(new Error("x"), { code });
    expect(toListenError(error, NAMES)).toBe(error);
  }
});
