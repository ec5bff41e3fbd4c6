import { expect, test } from "@jest/globals";
import { describeFreshGates } from "../../support/gate.js";

const MINUTE = 60;

describeFreshGates({ throttleStore: "database" }, (gate) => {
  const purpose = "resetPassword";
  const allows = (address: string, userId: string | null = null) =>
    gate.auth.mail.allows({ purpose, address, userId });

  test("RC-4: an account gets at most one link a minute, whatever the address", async () => {
    expect(await allows("ada@example.com", "1")).toBe(true);
    gate.advance(MINUTE - 1);
    expect(await allows("other@example.com", "1")).toBe(false);
    expect(await allows("eve@example.com", "2")).toBe(true);
    gate.advance(1);
    expect(await allows("other@example.com", "1")).toBe(true);
  });

  test("RC-4: an address gets at most one link a minute, in whatever form it is written", async () => {
    expect(await allows("ada@example.com")).toBe(true);
    expect(await allows("ADA@EXAMPLE.com")).toBe(false);
    expect(await allows("ada@example.com", "1")).toBe(false);
    expect(await allows("eve@example.com")).toBe(true);
  });

  test("RC-4: an account and an address get at most five links an hour", async () => {
    const sent: boolean[] = [];
    for (let minute = 0; minute < 60; minute += 2) {
      sent.push(await allows("ada@example.com", "1"));
      gate.advance(2 * MINUTE);
    }
    expect(sent.filter(Boolean)).toHaveLength(5);
    expect(await allows("ada@example.com", "1")).toBe(true);
  });

  test("RC-4: of 20 links at once, one is allowed, on all instances together", async () => {
    const other = await gate.another();
    const asked = Array.from({ length: 20 }, (_, index) =>
      [gate, other][index % 2]!.auth.mail.allows({
        purpose,
        address: "ada@example.com",
        userId: "1",
      }),
    );
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
  });

  test("RC-4: each purpose has its own counters", async () => {
    const address = "ada@example.com";
    for (const other of ["verifyEmail", "confirmEmailChange"] as const) {
      expect(await gate.auth.mail.allows({ purpose: other, address, userId: "1" })).toBe(true);
      expect(await gate.auth.mail.allows({ purpose: other, address, userId: "1" })).toBe(false);
    }
    expect(await allows(address, "1")).toBe(true);
  });

  test("the counters do not reveal addresses", async () => {
    await allows("ada@example.com", "the-user");
    const dump = JSON.stringify(await gate.sql("SELECT * FROM throttle"));
    expect(dump).toContain("mails-per-minute:");
    expect(dump).not.toMatch(/ada@|the-user/);
  });
});
