/** A session that can still be used or refreshed. The two `?` are the present instant: {@link isLiveAt}. */
export const IS_LIVE = `(ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
  AND (refresh_expires_at IS NULL OR refresh_expires_at > ?))`;

/** The parameters of {@link IS_LIVE}. */
export function isLiveAt(at: number): number[] {
  return [at, at];
}
