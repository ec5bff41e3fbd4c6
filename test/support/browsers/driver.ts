/** The time that an action waits for its element, in milliseconds. Only a failing test waits that long. */
export const ACTION_TIMEOUT = 60_000;

/** The parts of a browser that the tests use. Playwright's own objects have them; the other drivers implement them. */
export interface Browser {
  /** Opens an empty profile. Calls `complain` for errors in the console, uncaught errors, and the URLs of requests. */
  newPerson(options: PersonOptions, complain: Complain): Promise<Person>;
  /** Gives a tab an authenticator that keeps passkeys. It always says that it has checked its user. */
  addAuthenticator?(page: Page): Promise<Authenticator>;
  close(): Promise<void>;
}

/** A device that keeps passkeys. It is at once touched by its user, unless the user is away. */
export interface Authenticator {
  setAway(isAway: boolean): Promise<void>;
  /** Returns how many passkeys the device keeps. */
  countPasskeys(): Promise<number>;
}

export interface PersonOptions {
  viewport?: { width: number; height: number };
}

export interface Complain {
  problem(message: string): void;
  request(url: string): void;
}

/** A profile: tabs that share cookies and storages. */
export interface Person {
  pages(): Page[];
  newPage(): Promise<Page>;
  addInitScript(script: string): Promise<unknown>;
  setOffline(isOffline: boolean): Promise<void>;
  cookies(): Promise<Cookie[]>;
  clearCookies(): Promise<void>;
  close(): Promise<void>;
}

export interface Cookie {
  name: string;
  value: string;
  httpOnly: boolean;
  secure: boolean;
  sameSite: string;
}

/** Finds elements below a page or another element. */
interface Finder {
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean }): Locator;
  getByText(text: string | RegExp, options?: { exact?: boolean }): Locator;
  getByLabel(text: string): Locator;
}

/** A tab. Scripts are expressions or statements, and their results must be JSON. */
export interface Page extends Finder {
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  url(): string;
  title(): Promise<string>;
  evaluate<Value>(script: string): Promise<Value>;
  bringToFront(): Promise<void>;
  waitForTimeout(milliseconds: number): Promise<void>;
  close(): Promise<void>;
  context(): Person;
  emulateMedia(options: { colorScheme: "light" | "dark" }): Promise<void>;
  readonly keyboard: {
    press(key: string): Promise<void>;
    type(text: string): Promise<void>;
  };
  readonly clock: {
    install(): Promise<void>;
    setFixedTime(time: number): Promise<void>;
    fastForward(milliseconds: number): Promise<void>;
  };
}

/** Elements that might not exist yet. Actions wait until there is one. */
export interface Locator extends Finder {
  first(): Locator;
  last(): Locator;
  filter(options: { hasText?: string; hasNotText?: string }): Locator;
  or(other: Locator): Locator;
  waitFor(): Promise<void>;
  click(): Promise<void>;
  check(): Promise<void>;
  fill(value: string): Promise<void>;
  inputValue(): Promise<string>;
  allTextContents(): Promise<string[]>;
}
