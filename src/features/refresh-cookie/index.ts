import { onOff } from "../../config/kinds.js";
import { AuthError } from "../../errors.js";
import type { TokenKinds } from "../../tokens/token-kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";

const settings = {
  /**
   * Whether refresh tokens are sent in a cookie that no script can read, instead of in the response body. Works only
   * for pages on the server's own site.
   */
  refreshCookie: onOff({ variable: "REFRESH_COOKIE", default: false }),
};

export const refreshCookie = defineFeature({
  name: "refresh-cookie",
  settings,
  isOn: (config) => config.refreshCookie,
  create: async ({ authentication, kinds }: CoreServices, config) => {
    const { createCookie, CSRF_HEADER } = await import("./cookie.js");
    const { withRefreshCookie } = await import("./refresh-cookie.js");
    return {
      cors: { allowedHeaders: [CSRF_HEADER], credentials: true },
      transformSchema: (schema) =>
        withRefreshCookie(schema, {
          cookieOf: (context) => createCookie(context, config),
          isUsable: async (token, { client }) =>
            (await authentication.findVerification(token, client)) !== null,
          isSliding: (token) => isSliding(kinds, token),
        }),
    };
  },
});

function isSliding(kinds: TokenKinds, token: string): boolean {
  try {
    kinds.verifyAnyAge(token, ["sliding"]);
    return true;
  } catch (error) {
    if (error instanceof AuthError) return false;
    throw error;
  }
}
