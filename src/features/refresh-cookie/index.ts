import { z } from "zod";
import { defineFeature } from "../feature.js";
import { createCookie, CSRF_HEADER } from "./cookie.js";
import { withRefreshCookie } from "./refresh-cookie.js";

const settings = {
  /**
   * Keep refresh tokens in a cookie that no script can read, instead of the response: for pages of this server's own site.
   * @default false
   */
  refreshCookie: { check: z.boolean().default(false), variable: "REFRESH_COOKIE" },
};

/** Keeps a browser's refresh token in an HttpOnly cookie. */
export const refreshCookie = defineFeature({
  name: "refresh-cookie",
  settings,
  isOn: (config) => config.refreshCookie,
  create: ({ authentication }, config) => ({
    cors: { allowedHeaders: [CSRF_HEADER], credentials: true },
    transformSchema: (schema) =>
      withRefreshCookie(schema, {
        cookieOf: (context) => createCookie(context, config),
        isUsable: async (token) => (await authentication.introspect(token)) !== null,
      }),
  }),
});
