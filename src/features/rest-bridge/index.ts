import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { routesOf } from "./routes.js";
import { createViews } from "./views.js";

const settings = {
  /**
   * Whether `/login/`, `/token/`, `/token/refresh/`, `/token/verify/`, `/logout/` and `/profile/` are served as Django
   * REST framework and simplejwt serve them, for clients that cannot be updated.
   */
  restBridge: onOff({ variable: "REST_BRIDGE", default: false }),
  /** Whether `/token/refresh/` also returns a new refresh token: `ROTATE_REFRESH_TOKENS` in simplejwt. */
  restBridgeRotation: onOff({ variable: "REST_BRIDGE_ROTATION", default: false }),
};

/** The REST API of a Django project, over the same services as the GraphQL API. */
export const restBridge = defineFeature({
  name: "rest-bridge",
  settings,
  isOn: (config) => config.restBridge,
  create: (core: CoreServices, { restBridgeRotation }) => ({
    routes: createViews(core, restBridgeRotation).flatMap((view) => routesOf(view, core)),
  }),
});
