import { expect, describe, test } from "@jest/globals";
import { requireKnownRoles } from "../../src/accounts/known-roles.js";
import { Roles } from "../../src/accounts/role.js";
import { Database } from "../../src/database/database.js";
import type { Sql } from "../../src/sql.js";
import { createDatabase, DATABASES } from "../support/databases.js";

describe.each(DATABASES)("the check of roles at the start, over %s", (kind) => {
  test("is one statement that uses an index, however many users there are", async () => {
    const created = await createDatabase(kind);
    const database = await Database.open({ databaseUrl: created.url });
    try {
      await database.migrate();
      await database.write(
        `INSERT INTO "user" (id, username, username_key, created_at)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         SELECT CAST(i AS text), CAST(i AS text), CAST(i AS text), 1 FROM n RETURNING id`,
        [],
      );
      await database.write(
        `INSERT INTO profile (user_id, role) SELECT id, 'USER' FROM "user" RETURNING user_id`,
        [],
      );
      await created.sql("ANALYZE");
      const plans: string[] = [];
      const explain: Sql["readOnce"] = async (statement, parameters) => {
        const how = kind === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
        plans.push(JSON.stringify(await database.readOnce(`${how} ${statement}`, parameters)));
        return database.readOnce(statement, parameters);
      };
      const { skipLocked, forUpdate, read, write, writeExclusive } = database;
      const sql = { skipLocked, forUpdate, read, readOnce: explain, write, writeExclusive };
      await requireKnownRoles(sql, new Roles(["USER", "ADMIN"]));
      expect(plans).toHaveLength(1);
      expect(plans[0]).toContain("profile_role_index");
      expect(plans[0]).not.toMatch(/SCAN profile|Seq Scan on profile/);
      await expect(requireKnownRoles(sql, new Roles(["MEMBER", "ADMIN"]))).rejects.toThrow(
        /^roles: must include "USER", because 2000 users have that role;/,
      );
    } finally {
      await database.close();
      await created.drop();
    }
  });
});
