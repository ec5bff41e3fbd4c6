import { expect, test } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { describePostgres } from "../support/databases.js";
import { POSTGRES_URL } from "../support/postgresql.js";

const PASSWORD = "hunter2";

async function faultOf(url: URL): Promise<string> {
  const error: unknown = await Database.open({ databaseUrl: url.href }).then(
    async (database) => {
      await database.close();
      return new Error("It opened.");
    },
    (reason: unknown) => reason,
  );
  return (error as Error).message;
}

describePostgres(
  "a PostgreSQL database that cannot be opened is refused in one line that says why:",
  () => {
    test("it does not exist", async () => {
      const url = Object.assign(new URL(POSTGRES_URL), { pathname: "/no_such_gate" });
      expect(await faultOf(url)).toBe("The database no_such_gate does not exist.");
    });

    test("the role is refused, and the password is not printed", async () => {
      const url = Object.assign(new URL(POSTGRES_URL), {
        username: "no_such_role",
        password: PASSWORD,
      });
      const fault = "The database server refuses the role no_such_role or its password.";
      expect(await faultOf(url)).toBe(fault);
    });

    test("nothing listens", async () => {
      const url = Object.assign(new URL(POSTGRES_URL), {
        hostname: "127.0.0.1",
        port: "1",
        password: PASSWORD,
      });
      expect(await faultOf(url)).toBe("No database server listens on 127.0.0.1:1.");
    });
  },
);
