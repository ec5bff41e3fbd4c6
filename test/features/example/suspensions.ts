import { BadUserInput, type Core, defineFeature, setting, Vetoed } from "graphql-gatehouse";

const DAY = 86_400_000;

/** An application's own feature, in one file: administrators suspend users for some days. */
export const suspensions = defineFeature({
  name: "suspensions",
  settings: {
    suspensionMaxDays: setting.wholeNumber({
      variable: "SUSPENSION_MAX_DAYS",
      from: 1,
      to: 365,
      default: 30,
      doc: "The longest suspension, in days.",
    }),
  },
  migrations: [
    {
      name: "2026-11-26-suspension",
      statements: [
        `create table "suspension" (
          "user_id" text not null primary key references "user" ("id") on delete cascade,
          "reason" text not null,
          "ends_at" bigint not null)`,
      ],
    },
  ],
  commands: [
    {
      name: "suspend",
      description: "suspend a user for some days",
      arguments: ["<username>", "<days>", "[reason]"],
      example: "suspend bob 7 spam",
      run: async (core, { suspensionMaxDays }, [username = "", days, reason], print) => {
        const user = await core.accounts.findUser({ username });
        if (user === null) throw new BadUserInput("There is no such user.");
        await new Suspensions(core, suspensionMaxDays).suspend(user.id, Number(days), reason);
        print(`Suspended ${username} for ${days} days.`);
      },
    },
  ],
  create: (core, { suspensionMaxDays }) => {
    const suspensions = new Suspensions(core, suspensionMaxDays);
    return {
      api: { suspensions },
      extension: {
        typeDefs: `extend type Mutation {
          "Suspends a user for some days."
          suspend(userId: ID!, days: Int!, reason: String): Boolean! @auth(requires: ADMIN)
        }`,
        resolvers: {
          Mutation: {
            suspend: async (_root, { userId, days, reason }: SuspendArguments) => {
              await suspensions.suspend(userId, days, reason ?? undefined);
              return true;
            },
          },
        },
      },
      hooks: {
        beforeLogin: (user) => suspensions.requireNone(user.id),
        beforeRefresh: (user) => suspensions.requireNone(user.id),
      },
      routes: [
        {
          method: "GET",
          path: "/suspensions/count",
          handle: async () => Response.json({ suspended: await suspensions.count() }),
        },
      ],
      jobs: [{ name: "end-suspensions", interval: 1, run: () => suspensions.deleteEnded() }],
    };
  },
});

interface SuspendArguments {
  userId: string;
  days: number;
  reason?: string | null;
}

/** The suspended users, and the end of each suspension. */
class Suspensions {
  readonly #core: Core;
  readonly #maxDays: number;

  constructor(core: Core, maxDays: number) {
    this.#core = core;
    this.#maxDays = maxDays;
  }

  /** Suspends a user: ends the sessions, and refuses logins until the suspension is over. */
  async suspend(userId: string, days: number, reason = "by an administrator"): Promise<void> {
    if (!Number.isInteger(days) || days < 1 || days > this.#maxDays) {
      throw new BadUserInput(`days must be from 1 to ${this.#maxDays}.`);
    }
    const { sql, sessions, now } = this.#core;
    const suspended = await sql.write(
      `INSERT INTO suspension (user_id, reason, ends_at) SELECT id, ?, ? FROM "user" WHERE id = ?
       ON CONFLICT (user_id) DO UPDATE SET reason = excluded.reason, ends_at = excluded.ends_at
       RETURNING user_id`,
      [reason, now() + days * DAY, userId],
    );
    if (suspended.length === 0) throw new BadUserInput("There is no such user.");
    await sessions.endAll(userId);
  }

  /** @throws Vetoed while the user is suspended */
  async requireNone(userId: string): Promise<void> {
    const [suspension] = await this.#core.sql.read<{ reason: string }>(
      "SELECT reason FROM suspension WHERE user_id = ? AND ends_at > ?",
      [userId, this.#core.now()],
    );
    if (suspension !== undefined)
      throw new Vetoed(`Your account is suspended: ${suspension.reason}.`);
  }

  async count(): Promise<number> {
    const [row] = await this.#core.sql.read<{ total: number | string }>(
      "SELECT count(*) AS total FROM suspension WHERE ends_at > ?",
      [this.#core.now()],
    );
    return Number(row?.total ?? 0);
  }

  /** @returns the number of deleted suspensions */
  async deleteEnded(): Promise<number> {
    const ended = await this.#core.sql.write(
      "DELETE FROM suspension WHERE ends_at <= ? RETURNING user_id",
      [this.#core.now()],
    );
    return ended.length;
  }
}
