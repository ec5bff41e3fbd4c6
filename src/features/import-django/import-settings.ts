import type { Roles } from "../../accounts/role.js";
import type { SimpleJwt } from "./simplejwt-settings.js";

/** The settings of one import. */
export interface ImportSettings {
  readonly roles: Roles;
  /** The setting `sessionLifetime`, in seconds. */
  readonly sessionLifetime: number;
  /** The role in a Profile of Django that makes the user an administrator. */
  readonly adminValue: string;
  /** Whether the roles of Profiles are imported. */
  readonly hasProfiles: boolean;
  /** How to read the tokens of simplejwt. */
  readonly simpleJwt: SimpleJwt;
  /** Whether to write nothing. */
  readonly isDryRun: boolean;
}
