import { afterEach, beforeEach } from "@jest/globals";
import { Database } from "../../src/database/database.js";
import { createDatabase, type DatabaseKind, type TestDatabase } from "./databases.js";

type Features = Parameters<typeof Database.open>[1];
type Settings = Parameters<typeof Database.open>[0];

/** An empty database for each test. What a test opens is closed after it. */
export class FreshDatabase {
  #home!: TestDatabase;
  #open: Database[] = [];

  get url(): string {
    return this.#home.url;
  }

  /** The path of a SQLite file. */
  get path(): string {
    return this.url.slice("sqlite:".length);
  }

  async create(kind: DatabaseKind): Promise<void> {
    this.#home = await createDatabase(kind);
  }

  /** See {@link TestDatabase.sql}. */
  sql(statement: string, parameters?: unknown[]): Promise<any[]> {
    return this.#home.sql(statement, parameters);
  }

  async open(features: Features = [], settings: Partial<Settings> = {}): Promise<Database> {
    const database = await Database.open({ databaseUrl: this.url, ...settings }, features);
    this.#open.push(database);
    return database;
  }

  /** Closes what was opened. */
  async close(): Promise<void> {
    for (const database of this.#open.splice(0)) await database.close();
  }

  async drop(): Promise<void> {
    await this.close();
    await this.#home.drop();
  }
}

export function setUpFreshDatabase(kind: DatabaseKind): FreshDatabase {
  const fresh = new FreshDatabase();
  beforeEach(() => fresh.create(kind));
  afterEach(() => fresh.drop());
  return fresh;
}
