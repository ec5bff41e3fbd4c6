import { z } from "zod";
import { text } from "../../config/kinds.js";
import { WrongSettings } from "../../config/problems.js";
import type { Setting } from "../../config/setting.js";
import { deleteBatch } from "../../maintenance/prune-rule.js";
import { audit } from "../audit/index.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { webhookOutbox } from "./migration.js";
import { areSecrets, isWebhookUrl, splitSecrets } from "./webhook-settings.js";

/** How often an instance looks for events that are due, in seconds. */
const INTERVAL = 30;
/** How long events stay in the outbox at most, in milliseconds. Attempts to send an event end after 24 hours. */
const RETENTION = 48 * 3_600_000;

const settings = {
  /** The URL that receives every event of the audit trail. */
  webhookUrl: text({
    variable: "WEBHOOK_URL",
    accepts: isWebhookUrl,
    allowed: "https://…, or http://… on loopback, without a user name and a password",
  }),
  /** The secret that signs webhooks. To replace it, give several secrets, separated by spaces or commas. */
  webhookSecret: {
    variable: "WEBHOOK_SECRET",
    check: z.string().refine(areSecrets).transform(splitSecrets).optional(),
    allowed: "whsec_ and the base64 of 24 to 64 random bytes",
    hint: '`echo "whsec_$(openssl rand -base64 32)"` makes one',
  } satisfies Setting,
};

export const webhooks = defineFeature({
  name: "webhooks",
  requires: ["audit"],
  settings,
  migrations: [webhookOutbox],
  isOn: ({ webhookUrl }, areOthersOn) => {
    if (webhookUrl === undefined || areOthersOn) return webhookUrl !== undefined;
    const message = "needs the audit trail, which is off: change";
    throw new WrongSettings([{ option: "webhookUrl", message, other: "auditRetention" }]);
  },
  findProblems: ({ webhookUrl, webhookSecret }) =>
    webhookUrl !== undefined && webhookSecret === undefined
      ? [{ option: "webhookSecret", message: "is required with", other: "webhookUrl" }]
      : [],
  create: async (core: CoreServices, { webhookUrl = "", webhookSecret = [] }, apiOf) => {
    const { Webhooks } = await import("./webhooks.service.js");
    const sender = new Webhooks(core, webhookUrl, webhookSecret);
    apiOf(audit).auditTrail.follow((events, run) => sender.queue(events, run));
    return {
      // Do not wait until the events are sent, because a slow receiver would delay a shutdown.
      jobs: [
        {
          name: "webhooks",
          interval: INTERVAL,
          run: () => {
            sender.wake();
            return Promise.resolve();
          },
        },
      ],
      prune: [
        {
          statement: deleteBatch("webhook_outbox", "id", "queued_at < ?", "queued_at"),
          parameters: (now) => [now - RETENTION],
        },
      ],
      measurements: sender.measurements,
      announce: () => {
        sender.wake();
        return `Webhooks: sent to ${new URL(webhookUrl).host}`;
      },
      close: () => sender.close(),
    };
  },
});
