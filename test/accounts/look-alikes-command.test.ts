import { describe, expect, test } from "@jest/globals";
import { ROOT, runCommand } from "../support/command.js";
import { Gate } from "../support/gate.js";

const SECRET_KEY = "an example of a secret that is long enough";

describe("gatehouse create-user", () => {
  test.each([
    ["сосо", /A user with this user name, or with one that looks like it, exists already\.$/m],
    ["alice\u034f", /may contain only letters/],
    ["аlice", /letters of one script/],
    ["alice.", /must not end in a dot/],
  ])("LG-9: refuses '%s' in one line", async (name, line) => {
    const gate = await Gate.open({ secretKey: SECRET_KEY });
    try {
      await gate.user("coco");
      const { code, stdout, stderr } = await runCommand(["create-user", name, "--password-stdin"], {
        cwd: ROOT,
        env: { SECRET_KEY, DATABASE_URL: gate.databaseUrl },
        input: "correct horse battery staple",
      });
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(line);
      expect(stderr.trimEnd()).not.toContain("\n");
    } finally {
      await gate.close();
    }
  });
});
