import { randomBytes } from "node:crypto";
import { afterAll, beforeEach, expect, test } from "@jest/globals";
import type { MailPurpose } from "../../../src/features/mail/index.js";
import { eventually } from "../../support/eventually.js";
import { describeGates, PASSWORD } from "../../support/gate.js";
import { MailServer, tokenIn } from "../../support/mail-server.js";

const PURPOSES: readonly MailPurpose[] = ["verifyEmail", "resetPassword", "confirmEmailChange"];
const HALF_HOUR = 1800;

const smtp = await MailServer.start();
const secretKey = randomBytes(32).toString("base64url");

afterAll(() => smtp.close());

describeGates(
  { secretKey, smtpUrl: smtp.url, mailFrom: "no-reply@example.com" },
  (gate, database) => {
    let count = 0;
    let userId: string;
    let address: string;

    beforeEach(async () => {
      smtp.reset();
      address = `user${(count += 1)}@example.com`;
      userId = await gate.user(`user${count}`, { email: address });
      gate.events.length = 0;
    });

    /** Issues a token with its mail, and returns the token's id. */
    const queue = (purpose: MailPurpose = "resetPassword", lifetime = HALF_HOUR) =>
      gate.core.sql.inTransaction(async (run) => {
        const { mail } = gate.auth;
        const tokenId = await mail.tokens.issue(run, { purpose, userId, address, lifetime });
        await mail.queue(run, { template: "reset-password", to: address, userId, tokenId });
        return tokenId;
      });

    /** Issues a token, and returns the token from the mail that arrives. */
    async function issue(purpose?: MailPurpose, lifetime?: number): Promise<string> {
      smtp.reset();
      await queue(purpose, lifetime);
      gate.auth.mail.wake();
      return smtp.tokenTo(address);
    }

    const consume = (token: string, purpose: MailPurpose = "resetPassword") =>
      gate.core.sql.inTransaction((run) => gate.auth.mail.tokens.consume(run, { purpose, token }));

    const refused = (reason: string) => ({ extensions: { code: "BAD_USER_INPUT", reason } });
    const NOT_VALID = refused("mail_token_not_valid");
    const EXPIRED = refused("mail_token_expired");

    test("RC-2: a token has 256 bits, and names its user and address once", async () => {
      const token = await issue();
      expect(Buffer.from(token, "base64url")).toHaveLength(32);
      expect(await consume(token)).toMatchObject({ userId, address });
      await expect(consume(token)).rejects.toMatchObject(NOT_VALID);
    });

    test("RC-2: of 50 parallel uses, one succeeds", async () => {
      const token = await issue();
      const results = await Promise.allSettled(Array.from({ length: 50 }, () => consume(token)));
      const refusals = results.filter(({ status }) => status === "rejected");
      expect(refusals).toHaveLength(49);
      for (const refusal of refusals) expect(refusal).toMatchObject({ reason: NOT_VALID });
    });

    test("a use counts only if its transaction is committed", async () => {
      const token = await issue();
      const failing = gate.core.sql.inTransaction(async (run) => {
        await gate.auth.mail.tokens.consume(run, { purpose: "resetPassword", token });
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(await consume(token)).toMatchObject({ userId, address });
    });

    test.each(PURPOSES)("a token to %s works for no other purpose", async (purpose) => {
      const token = await issue(purpose);
      for (const other of PURPOSES.filter((one) => one !== purpose)) {
        await expect(consume(token, other)).rejects.toMatchObject(NOT_VALID);
      }
      expect(await consume(token, purpose)).toMatchObject({ userId, address });
    });

    test("a token works until the millisecond in which it expires", async () => {
      const first = await issue();
      gate.advance(HALF_HOUR - 0.001);
      await consume(first);
      const second = await issue();
      gate.advance(HALF_HOUR);
      await expect(consume(second)).rejects.toMatchObject(EXPIRED);
      await expect(consume(second, "verifyEmail")).rejects.toMatchObject(NOT_VALID);
    });

    test("a used token is not valid, even after it has expired", async () => {
      const token = await issue();
      await consume(token);
      gate.advance(HALF_HOUR);
      await expect(consume(token)).rejects.toMatchObject(NOT_VALID);
    });

    test("RC-4: a newer token kills the older one of the same purpose and user", async () => {
      const verification = await issue("verifyEmail");
      const older = await issue();
      const newer = await issue();
      await expect(consume(older)).rejects.toMatchObject(NOT_VALID);
      await consume(newer);
      await consume(verification, "verifyEmail");
    });

    test("an older token still works if the transaction of the newer one fails", async () => {
      const older = await issue();
      const failing = gate.core.sql.inTransaction(async (run) => {
        const token = { purpose: "resetPassword", userId, address, lifetime: 60 } as const;
        await gate.auth.mail.tokens.issue(run, token);
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      await consume(older);
    });

    test.each([
      ["sets a new password", () => gate.auth.accounts.setPassword(userId, `${PASSWORD}!`)],
      ["is deactivated", () => gate.auth.accounts.setActive(userId, false)],
      ["is deleted", () => gate.auth.accounts.deleteUser(userId)],
      [
        "changes the address",
        () => gate.sql(`UPDATE "user" SET email_key = ? WHERE id = ?`, [`x${address}`, userId]),
      ],
      [
        "removes the address",
        () => gate.sql(`UPDATE "user" SET email_key = NULL WHERE id = ?`, [userId]),
      ],
    ])("RC-4: a token dies when its user %s", async (_what, change) => {
      const tokens = new Map<MailPurpose, string>();
      for (const purpose of PURPOSES) tokens.set(purpose, await issue(purpose));
      await change();
      for (const [purpose, token] of tokens) {
        await expect(consume(token, purpose)).rejects.toMatchObject(NOT_VALID);
      }
    });

    test.each(["verifyEmail", "confirmEmailChange"] as const)(
      "RC-6: a user without an address can prove an address by a token to %s",
      async (purpose) => {
        await gate.sql(`UPDATE "user" SET email = NULL, email_key = NULL WHERE id = ?`, [userId]);
        const token = await issue(purpose);
        expect(await consume(token, purpose)).toMatchObject({ userId, address });
      },
    );

    test("a token to resetPassword is issued only for the user's own address", async () => {
      const purpose = "resetPassword";
      const token = { purpose, userId, address: "eve@example.com", lifetime: 60 } as const;
      await expect(
        gate.core.sql.inTransaction((run) => gate.auth.mail.tokens.issue(run, token)),
      ).rejects.toMatchObject({ extensions: { code: "BAD_USER_INPUT" } });
      address = address.toUpperCase();
      expect(await queue(purpose)).toMatch(/^[0-9a-f]{32}$/);
    });

    test("a listener gets what a token proves, in the transaction of its use, and can refuse it", async () => {
      const heard: unknown[] = [];
      let isRefused = true;
      gate.auth.mail.tokens.onProof((_run, proof) => {
        heard.push(proof);
        return isRefused ? Promise.reject(new Error("no")) : Promise.resolve(true);
      });
      const token = await issue();
      await expect(consume(token)).rejects.toThrow("no");
      isRefused = false;
      expect(await consume(token)).toEqual({ userId, address, isContested: true });
      expect(heard).toEqual([
        { userId, address },
        { userId, address },
      ]);
    });

    test("any other text is refused as a token", async () => {
      const token = await issue();
      const tokenId = await queue("verifyEmail");
      const wrong = ["", "a", tokenId, ` ${token}`, `${token}=`, token.slice(1), "x".repeat(1e6)];
      const values: unknown[] = [...wrong, null, undefined, 1, {}, [token]];
      for (const value of values) {
        await expect(consume(value as string)).rejects.toMatchObject(NOT_VALID);
      }
      await consume(token);
    });

    test("RC-2: the database holds no token, before the mail leaves and after", async () => {
      const token = await issue();
      const tables =
        database === "sqlite"
          ? await gate.sql("SELECT name FROM sqlite_master WHERE type = 'table'")
          : await gate.sql("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'");
      smtp.behaviour.mailCode = 451;
      gate.advance(1);
      await queue();
      gate.auth.mail.wake();
      // The mail of an earlier test may be delayed, too.
      await eventually(() =>
        gate.events.some((event) => event.type === "mail:delayed" && event.userId === userId),
      );
      const dumps = await Promise.all(
        tables.map(({ name }) => gate.sql(`SELECT * FROM "${name}"`)),
      );
      const dump = JSON.stringify(dumps);
      expect(dump).toContain("reset-password");
      expect(dump).not.toContain(token);
      smtp.reset();
      gate.advance(60);
      gate.auth.mail.wake();
      const next = await smtp.tokenTo(address);
      expect(next).toHaveLength(43);
      expect(dump).not.toContain(next);
      expect(dump).not.toContain(Buffer.from(next, "base64url").toString("hex"));
    });

    test("a mail that was queued under the previous secret has a link that works", async () => {
      await queue();
      const rotated = await gate.another({
        secretKey: [randomBytes(32).toString("base64url"), secretKey],
      });
      rotated.auth.mail.wake();
      const token = await smtp.tokenTo(address);
      const { core, auth } = rotated;
      const used = core.sql.inTransaction((run) =>
        auth.mail.tokens.consume(run, { purpose: "resetPassword", token }),
      );
      expect(await used).toMatchObject({ userId, address });
    });

    test("a mail whose link no longer works is not sent", async () => {
      const details = { template: "reset-password", attempts: 1, code: "link_not_valid" };
      await queue();
      await queue();
      gate.auth.mail.wake();
      await eventually(() => gate.events.length > 0);
      const mails = await smtp.mailsTo(address);
      expect(mails).toHaveLength(1);
      await consume(tokenIn(mails[0]?.text));
      expect(gate.events).toEqual([{ type: "mail:failed", userId, details }]);
    });

    test("tokens are pruned a week after they have expired", async () => {
      await issue();
      gate.advance(HALF_HOUR + 7 * 86_400 - 1);
      const rows = () => gate.sql(`SELECT id FROM mail_token WHERE user_id = ?`, [userId]);
      await gate.auth.maintenance.prune();
      expect(await rows()).toHaveLength(1);
      gate.advance(1);
      await gate.auth.maintenance.prune();
      expect(await rows()).toEqual([]);
    });
  },
);
