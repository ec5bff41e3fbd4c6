import type { AuthConfig } from "../config/auth-config.js";
import { ACCESS_TOKEN_LIFETIME_MAX } from "../config/settings.js";
import { secondsIn } from "../config/variable-text.js";
import { deleteBatch, prunableAt, type PruneRule } from "../maintenance/prune-rule.js";

/** SQL condition: at the instant `?`, a later key that is not revoked was active. */
const REPLACED = `EXISTS (
  SELECT 1 FROM signing_key later WHERE later.revoked_at IS NULL
    AND later.activates_at > signing_key.activates_at AND later.activates_at <= ?)`;

/** Returns the rule that deletes replaced keys when every access token that they signed has expired. */
export function keyPruneRule({ leeway }: Pick<AuthConfig, "leeway">): PruneRule {
  const longest = secondsIn(ACCESS_TOKEN_LIFETIME_MAX) * 1000;
  return {
    statement: deleteBatch("signing_key", "kid", REPLACED, "activates_at"),
    parameters: (now) => [prunableAt(now, leeway) - longest],
  };
}
