import { Migration } from "@mikro-orm/migrations";

/** How often something was tried. Instants are epoch milliseconds. */
export class Throttling extends Migration {
  override up(): void {
    this.addSql(`alter table "user" add column "failed_logins" integer not null default 0`);
    this.addSql(`create table "throttle" (
      "key" text not null primary key,
      "points" integer not null,
      "blocked_until" bigint not null,
      "expires_at" bigint not null)`);
    this.addSql(`create index "throttle_expires_at_index" on "throttle" ("expires_at")`);
  }
}
