import { beforeEach, describe, expect, test } from "@jest/globals";
import { createServer, defineFeature } from "../../../src/index.js";
import { describeGates, PASSWORD } from "../../support/gate.js";
import { call as callRest } from "../rest-bridge/calls.js";
import { beginTotp, enrol, enrolled, newName, readState, reauthenticate } from "./calls.js";

const REFUSED = { status: 403, code: "FORBIDDEN", reason: "enrolment_required", data: null };

const salaries = defineFeature({
  name: "salaries",
  create: () => ({
    extension: {
      typeDefs: `extend type Query { salary: Int! @auth }
        extend type User { salary: Int @auth }`,
      resolvers: { Query: { salary: () => 1000 }, User: { salary: () => 1000 } },
    },
  }),
});

const options = { features: [salaries], secondFactor: "required-for:ADMIN" } as const;

describeGates(options, (gate) => {
  let name: string;

  beforeEach(async () => {
    name = newName();
    await gate.user(name, { role: "ADMIN" });
  });

  const salary = (authorization: string, url = gate.url) =>
    gate.ask("{ salary }", { authorization, url });

  describe("a user who must have a second factor and has none", () => {
    test.each(["JWT", "SLIDING", "TOKEN"] as const)(
      "MF-7: with the scheme %s, can do nothing but add one",
      async (scheme) => {
        const { authorization, refresh, token } = await gate.login(name, scheme);
        const fields = ["salary", "sessions { id }", "me { salary }", "users { edges { cursor } }"];
        for (const field of fields) {
          const { code, reason } = await gate.ask(`{ ${field} }`, { authorization });
          expect([field, code, reason]).toEqual([field, "FORBIDDEN", "enrolment_required"]);
        }
        expect((await gate.me(authorization)).data.me.username).toBe(name);
        expect((await readState(gate, authorization)).data.secondFactor.isRequired).toBe(true);
        if (scheme !== "TOKEN") {
          const given = { password: PASSWORD };
          expect((await reauthenticate(gate, authorization, given)).status).toBe(200);
          expect((await gate.refresh(scheme === "JWT" ? refresh : token)).status).toBe(200);
        }
        expect((await gate.logout({ authorization })).status).toBe(200);
      },
    );

    test("MF-7: can do everything after adding the first factor, but in this session only", async () => {
      const thief = await gate.login(name);
      const { authorization } = await gate.login(name);
      expect(await salary(authorization)).toMatchObject(REFUSED);
      await enrol(gate, authorization);
      expect((await salary(authorization)).data).toEqual({ salary: 1000 });
      expect((await salary(thief.authorization)).reason).toBe("token_revoked");
    });
  });

  test("a lower role needs no second factor, and a user who gets a higher role needs one at the next request", async () => {
    const user = newName();
    const id = await gate.user(user);
    const { authorization } = await gate.login(user);
    expect((await salary(authorization)).status).toBe(200);
    await gate.auth.accounts.setRole(id, "ADMIN");
    expect(await salary(authorization)).toMatchObject(REFUSED);
  });

  test.each(["JWT", "SLIDING", "TOKEN"] as const)(
    "other services learn that such a token is not active, with the scheme %s",
    async (scheme) => {
      const tokens = await gate.login(name, scheme);
      const given = [tokens.token, tokens.access, tokens.refresh].filter(Boolean);
      for (const each of given) {
        expect((await gate.verify(each)).data.verifyToken).toMatchObject({
          ...{ active: false, user: null },
        });
        expect(await gate.auth.authentication.verifyToken(each)).toBeNull();
      }
      if (scheme === "TOKEN") return;
      await enrol(gate, tokens.authorization);
      for (const each of given) {
        expect((await gate.verify(each)).data.verifyToken.active).toBe(true);
      }
    },
  );

  test("the REST API of Django refuses such a token", async () => {
    const django = await gate.another({ restBridge: true });
    const { access } = await gate.login(name);
    const verify = () => callRest(`${django.url}/token/verify/`, { json: { token: access } });
    expect((await verify()).status).toBe(401);
    await gate.auth.accounts.setRole(
      (await gate.auth.accounts.findUser({ username: name }))!,
      "USER",
    );
    expect((await verify()).status).toBe(200);
    await django.close();
  });

  test("a logout by the header leaves the cookie of another session, in which the user can add one", async () => {
    const page = await gate.another({ refreshCookie: true });
    const headers = { origin: page.url, "x-gatehouse-csrf": "1" };
    const login = () =>
      gate.ask(
        `mutation { login(username: "${name}", password: "${PASSWORD}") { access refresh } }`,
        { url: page.url, headers },
      );
    const first = await login();
    const cookie = /^[^;]+/.exec((await login()).headers.get("set-cookie") ?? "")?.[0] ?? "";
    const ended = await gate.ask("mutation { logout(refresh: null) { sessionsEnded } }", {
      url: page.url,
      headers: { ...headers, cookie },
      authorization: `Bearer ${first.data.login.access}`,
    });
    expect(ended.data.logout.sessionsEnded).toBe(1);
    expect(ended.headers.get("set-cookie")).toBeNull();
    await page.close();
  });

  test("the check costs no statement", async () => {
    const { authorization, access } = await gate.login(name);
    expect(await gate.countStatements(() => gate.verify(access))).toBe(1);
    expect(await gate.countStatements(() => gate.me(authorization))).toBe(1);
    expect(await gate.countStatements(() => salary(authorization))).toBe(1);
  });

  test("with bearerCheck stateless the rule holds, and a token with mfa costs no statement", async () => {
    const stateless = await gate.another({ bearerCheck: "stateless" });
    const { authorization } = await gate.login(name);
    expect(await salary(authorization, stateless.url)).toMatchObject(REFUSED);
    const root = await enrolled(gate, { role: "ADMIN" });
    const refreshed = await gate.refresh(root.refresh);
    const header = `Bearer ${refreshed.data.refreshToken.access}`;
    const read = () => salary(header, stateless.url);
    expect((await read()).data).toEqual({ salary: 1000 });
    expect(await gate.countStatements(read)).toBe(0);
    await stateless.close();
  });

  test("the setting required applies to every role", async () => {
    const strict = await gate.another({ secondFactor: "required" });
    const user = newName();
    await gate.user(user);
    const { authorization } = await gate.login(user);
    expect(await salary(authorization, strict.url)).toMatchObject(REFUSED);
    expect((await beginTotp(strict, authorization)).status).toBe(200);
    await strict.close();
  });
});

test.each([
  ["sometimes", /secondFactor: must be off, optional, required/],
  ["required-for:KING", /secondFactor: names a role that is not in roles/],
])("the setting %s stops the start", async (secondFactor, message) => {
  await expect(
    createServer({ secondFactor: secondFactor as "off", secretKey: "s".repeat(43) }),
  ).rejects.toThrow(message);
});
