import { join } from "node:path";
import { z } from "zod";
import { text } from "../../config/kinds.js";
import type { Setting } from "../../config/setting.js";
import { deleteBatch } from "../../maintenance/prune-rule.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { hasAllLinks, isLinks, Links, type MailLinks } from "./links.js";
import { readLocales } from "./locale.js";
import {
  localeMigration,
  mailMigration,
  requestMigration,
  resetHoldMigration,
} from "./migrations.js";
import { isTemplates, type MailTemplates } from "./templates.js";

/** How often an instance looks for mails that are due, in seconds. */
const INTERVAL = 30;
/**
 * How long expired tokens are kept, in milliseconds. The link of a kept token is refused as expired. After the token is
 * deleted, the link is refused as not valid.
 */
const TOKEN_RETENTION = 7 * 86_400_000;

const ADDRESS = String.raw`[^\s<>"(),:;@[\]\\]+@[^\s<>"(),:;@[\]\\]+`;
const SENDER = new RegExp(String.raw`^(${ADDRESS}|[^\p{Cc}<>"(),:;@[\]\\]+ <${ADDRESS}>)$`, "u");

const settings = {
  /**
   * The URL of the SMTP server that sends mails, with the user name and the password. Without this URL, mails are
   * written to files in development, and are off elsewhere.
   */
  smtpUrl: text({
    variable: "SMTP_URL",
    accepts: (value) => URL.canParse(value) && /^smtps?:\/\/[^/]/.test(value),
    allowed: "smtp://… or smtps://…",
  }),
  /** The sender of mails. Required with an SMTP server. */
  mailFrom: text({
    variable: "MAIL_FROM",
    accepts: (value) => SENDER.test(value),
    allowed: "an address such as Example <no-reply@example.com>",
  }),
  /** The pages that the links in mails open. */
  links: {
    check: z.custom<MailLinks | undefined>((value) => value === undefined || isLinks(value)),
    allowed:
      "an object with verifyEmail, resetPassword, confirmEmailChange or loginWithCode: a URL with {token} in it, or a function",
    defaultNote: "pages of `publicUrl`",
  } satisfies Setting,
  /** Templates by name. They replace Gatehouse's templates of the same name, or are for the application's own mails. */
  mailTemplates: {
    check: z.custom<MailTemplates | undefined>(
      (value) => value === undefined || isTemplates(value),
    ),
    allowed: "an object with functions",
  } satisfies Setting,
};

export const mail = defineFeature({
  name: "mail",
  settings,
  loadEntities: async () => Object.values(await import("./mail.entity.js")),
  migrations: [mailMigration, localeMigration, requestMigration, resetHoldMigration],
  isOn: ({ smtpUrl, isDevelopment }) => smtpUrl !== undefined || isDevelopment === true,
  findProblems: ({ smtpUrl, mailFrom, links, publicUrl, isDevelopment }) => {
    if (smtpUrl === undefined) return [];
    const other = "smtpUrl";
    const hasLinks = publicUrl !== undefined || isDevelopment === true || hasAllLinks(links);
    return [
      ...(mailFrom === undefined
        ? [{ option: "mailFrom", message: "is required with", other }]
        : []),
      ...(hasLinks
        ? []
        : [
            {
              option: "publicUrl",
              message: "or a URL for each page in links is required with",
              other,
            },
          ]),
    ];
  },
  create: async (core: CoreServices, config) => {
    const { Mail } = await import("./mail.service.js");
    const { localeFields } = await import("./locale-fields.js");
    const { templatesWith } = await import("./templates.js");
    const { folderTransport, smtpTransport } = await import("./transport.js");
    const { smtpUrl, mailFrom = "Gatehouse <no-reply@localhost>", publicUrl } = config;
    const links = new Links(config.links ?? {}, publicUrl);
    const transport =
      smtpUrl === undefined
        ? folderTransport(join(core.dataFolder, "mail"), core.log)
        : smtpTransport(smtpUrl);
    const templates = templatesWith(config.mailTemplates);
    const mail = new Mail(core, { links, transport, templates, from: mailFrom });
    return {
      api: { mail },
      extension: localeFields(core),
      exportUser: async (id) => ({ locale: (await readLocales(core.sql, [id])).get(id) ?? null }),
      // Do not wait until the mails are sent, because a slow mail server would delay a shutdown.
      jobs: [
        {
          name: "mail",
          interval: INTERVAL,
          run: () => {
            mail.wake();
            return Promise.resolve();
          },
        },
      ],
      prune: [
        {
          statement: deleteBatch("mail_token", "id", "expires_at <= ?", "expires_at"),
          parameters: (now) => [now - TOKEN_RETENTION],
        },
        {
          statement: deleteBatch("reset_hold", "user_id", "held_until <= ?", "held_until"),
          parameters: (now) => [now],
        },
      ],
      measurements: mail.measurements,
      announce: (url) => {
        links.useBase(url);
        mail.wake();
        return `Mails: ${transport.description}`;
      },
      close: () => mail.close(),
    };
  },
});

export { MailTokenExpired, MailTokenNotValid, throwNotValid } from "./errors.js";
export { preferredLocale, storeLocale } from "./locale.js";
export { queueEmailNotice, queueNotice, type Recipient } from "./notices.js";
export type { MailTemplateName } from "./letters.js";
export type { MailLink, MailLinks, MailPurpose } from "./links.js";
export type { LinkMail } from "./mail-limits.js";
export type { MailRequest, MailRequestHandler, MailRequests } from "./mail-requests.js";
export { codeOf } from "./mail-tokens.js";
export type { Mail, OutgoingMail } from "./mail.service.js";
export type {
  GivenMailToken,
  MailProof,
  MailTokens,
  NewMailToken,
  UsedMailToken,
} from "./mail-tokens.js";
export type { MailTemplate, MailTemplates, MailValues, RenderedMail } from "./templates.js";
