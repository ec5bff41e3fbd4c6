/** The longest `accessTokenLifetime`, in seconds. A retired signing key is kept for at least that long. */
export const ACCESS_TOKEN_LIFETIME_MAX = 3600;
