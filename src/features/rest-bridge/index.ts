import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { importDjango } from "../import-django/index.js";
import { routesOf } from "./routes.js";
import { createViews } from "./views.js";

const settings = {
  /**
   * Whether `/login/`, `/token/`, `/token/refresh/`, `/token/verify/`, `/logout/` and `/profile/` are served as Django
   * REST framework and simplejwt serve them, for clients that cannot be updated.
   */
  restBridge: onOff({ variable: "REST_BRIDGE", default: false }),
  /** Whether `/token/refresh/` also returns a new refresh token, like `ROTATE_REFRESH_TOKENS` in simplejwt. */
  restBridgeRotation: onOff({ variable: "REST_BRIDGE_ROTATION", default: false }),
};

/** Serves a REST API like that of a Django project, for clients that were written for Django. */
export const restBridge = defineFeature({
  name: "rest-bridge",
  uses: ["import-django"],
  settings,
  isOn: (config) => config.restBridge,
  create: (core: CoreServices, { restBridgeRotation }, apiOf) => {
    const views = createViews(core, {
      isRotating: restBridgeRotation,
      djangoIdOf: apiOf.ifOn(importDjango)?.djangoIdOf,
    });
    return { routes: views.flatMap((view) => routesOf(view, core)) };
  },
});
