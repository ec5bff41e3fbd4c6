import type { Login } from "./login.js";
import { type AuthStorage, platform } from "./platform.js";

/** Where the login is kept, as `storage` names it. */
export type StorageKind = "memory" | "sessionStorage" | "localStorage" | "cookie";

/** The one entry of a storage that is ours. */
export interface Store {
  /** The storage that other tabs read too, while it works. */
  readonly shared: AuthStorage | null;
  /** Whether it is full or forbidden; the login is in memory since then. */
  readonly hasFailed: boolean;
  read(): Login | null;
  write(login: Login | null): void;
}

/** Opens our entry of a storage. A storage that fails is left, with nothing of ours in it. */
export function openStore(kind: StorageKind | AuthStorage, key: string): Store {
  let area: AuthStorage | null = null;
  let hasFailed = false;
  let kept: Login | null = null;

  /** Lets a storage try, and gives it up when it fails. */
  function attempt<T>(use: () => T): T | undefined {
    try {
      return use();
    } catch {
      const left = area;
      area = null;
      hasFailed = true;
      // An old refresh token that stays behind would look like a thief's at the next visit.
      if (left)
        attempt(() => {
          left.removeItem(key);
        });
      return undefined;
    }
  }

  if (typeof kind === "object") area = kind;
  else if (kind.endsWith("Storage")) {
    area = attempt(() => platform[kind as "localStorage"]) ?? null;
    hasFailed = area === null;
  }
  attempt(() => area?.getItem(key));

  return {
    get shared() {
      return kind === "sessionStorage" ? null : area;
    },
    get hasFailed() {
      return hasFailed;
    },
    read() {
      const text = attempt(() => area?.getItem(key));
      return text === undefined ? kept : (kept = parseLogin(text));
    },
    write(login) {
      kept = login;
      attempt(() => (login ? area?.setItem(key, JSON.stringify(login)) : area?.removeItem(key)));
    },
  };
}

/** A kept login, or null where the entry is missing, or is not what we wrote. */
function parseLogin(text: string | null): Login | null {
  try {
    const login = JSON.parse(text ?? "null") as Login | null;
    return login?.authorization && login.session && login.user.id ? login : null;
  } catch {
    return null;
  }
}
