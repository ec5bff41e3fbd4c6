import { join } from "node:path";
import type { SendMailOptions, SMTPTransportOptions } from "nodemailer";
import { createPrivateFile } from "../../keys/private-file.js";
import type { Fault } from "../../maintenance/outbox.js";
import type { RenderedMail } from "./templates.js";

export interface Message extends RenderedMail {
  readonly id: string;
  readonly template: string;
  readonly from: string;
  readonly to: string;
  /** Epoch milliseconds. */
  readonly queuedAt: number;
  readonly link: string | undefined;
}

export interface Transport {
  /** Says where the mails go. Contains no password. */
  readonly description: string;
  /** @param signal aborts the attempt */
  send(message: Message, signal: AbortSignal): Promise<void>;
}

/** nodemailer's time limits, in milliseconds. */
const TIMEOUTS = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };

/**
 * Sends mails to an SMTP server.
 * @param url may contain a password, and options of nodemailer as parameters, such as `?requireTLS=false`
 */
export function smtpTransport(url: string): Transport {
  const { protocol, hostname, host } = new URL(url);
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  // Require TLS. Otherwise an attacker between the servers could suppress STARTTLS and read the links.
  const requireTLS = protocol === "smtp:" && !isLocal;
  const options: SMTPTransportOptions = { url, requireTLS, ...TIMEOUTS, ...SAFE };
  return {
    description: `sent by ${host}`,
    send: async (message, signal) => {
      const { createTransport } = await import("nodemailer");
      await createTransport(options).sendMail({ ...toOptions(message), signal });
    },
  };
}

/**
 * Writes mails to files, for development. Only the owner of a file can read it.
 * @param log called once for each mail, with the file's path and the mail's link
 */
export function folderTransport(folder: string, log: (line: string) => void): Transport {
  return {
    description: `written to ${folder}`,
    send: async (message) => {
      const { createTransport } = await import("nodemailer");
      const composer = createTransport({ streamTransport: true, buffer: true, newline: "windows" });
      const composed = await composer.sendMail({ ...toOptions(message), ...SAFE });
      const { id, template, queuedAt, link } = message;
      const time = new Date(queuedAt).toISOString().replaceAll(/[:.]/g, "-");
      const path = join(folder, `${time}-${template}-${id.slice(0, 8)}.eml`);
      createPrivateFile(path, (composed.message as Buffer).toString());
      log(`Mail ${template}: ${[path, link].join(" ").trim()}`);
    },
  };
}

/** Forbids nodemailer to read files or fetch URLs, because no mail needs either. */
const SAFE = { disableFileAccess: true, disableUrlAccess: true };

function toOptions({ id, from, to, subject, text, html, queuedAt }: Message): SendMailOptions {
  const domain = /@([^@>]+)>?$/.exec(from)?.[1] ?? "localhost";
  return {
    from,
    // Pass an object, because nodemailer would split a text at its commas.
    to: { name: "", address: to },
    subject,
    text,
    ...(html !== undefined && { html }),
    // The `Message-ID` is the same at each attempt. A receiver can then drop a second copy.
    messageId: `<${id}@${domain}>`,
    date: new Date(queuedAt),
    // Prevents out-of-office replies. @see RFC 3834 5
    headers: { "Auto-Submitted": "auto-generated" },
  };
}

/**
 * Converts an error of {@link Transport.send} to a fault. A reply 5xx to `RCPT TO` is permanent. After a reply 421, a
 * failed login or no reply, the server itself cannot be used.
 * @see RFC 5321 3.8, 4.2.1
 */
export function faultOf(error: unknown): Fault {
  const { code, responseCode, command } = error as Readonly<Record<string, unknown>>;
  const isReply = typeof responseCode === "number";
  return {
    code: isReply ? String(responseCode) : typeof code === "string" ? code : "unknown",
    isPermanent: isReply && responseCode >= 500 && command === "RCPT TO",
    isOfServer: !isReply || responseCode === 421 || code === "EAUTH",
  };
}
