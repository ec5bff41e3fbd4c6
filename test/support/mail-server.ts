import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { eventually } from "./eventually.js";

/** A mail as the server received it. */
export interface ReceivedMail extends ParsedMail {
  /** The addresses of the SMTP envelope. */
  readonly recipients: readonly string[];
  readonly source: string;
}

/** The behaviour of a {@link MailServer} until it is changed again. */
interface Behaviour {
  /** The reply code to a recipient. @default 250 */
  recipientCode?: (address: string) => number;
  /** The reply code to a received mail, or what happens instead of a reply. @default 250 */
  mailCode?: number | "dies" | "stalls";
  /** Whether the server sends no greeting. @default false */
  isMute?: boolean;
}

/** A real SMTP server on loopback that keeps the mails. */
export class MailServer {
  /** The mails that the server accepted. */
  readonly mails: ReceivedMail[] = [];
  /** The `Message-ID` of each mail whose content arrived, whether or not it was accepted. */
  readonly seen: (string | undefined)[] = [];
  behaviour: Behaviour = {};
  readonly #options: SMTPServerOptions;
  readonly #sockets = new Set<Socket>();
  #server: SMTPServer | undefined;
  #port = 0;

  private constructor(options: SMTPServerOptions) {
    this.#options = { disabledCommands: ["STARTTLS"], authOptional: true, ...options };
  }

  static async start(options: SMTPServerOptions = {}): Promise<MailServer> {
    const server = new MailServer(options);
    await server.listen();
    return server;
  }

  /** Listens. After {@link MailServer.close}, listens on the same port again. */
  async listen(): Promise<void> {
    const server = new SMTPServer({
      closeTimeout: 50,
      // A log would warn about the certificate of the tests.
      logger: false,
      ...this.#options,
      onConnect: (_session, done) => {
        if (this.behaviour.isMute !== true) done();
      },
      onRcptTo: ({ address }, _session, done) => {
        const code = this.behaviour.recipientCode?.(address) ?? 250;
        done(code < 400 ? null : withCode(code));
      },
      onData: (stream, session, done) => {
        void text(stream).then(async (source) => {
          const parsed = await simpleParser(source);
          this.seen.push(parsed.messageId);
          const { mailCode = 250 } = this.behaviour;
          if (mailCode === "stalls") return;
          if (mailCode === "dies") {
            for (const socket of this.#sockets) socket.destroy();
            return;
          }
          if (mailCode < 400) {
            const recipients = session.envelope.rcptTo.map(({ address }) => address);
            this.mails.push({ ...parsed, recipients, source });
          }
          done(mailCode < 400 ? null : withCode(mailCode));
        });
      },
    });
    // A client may go away, which must not fail a test.
    server.on("error", () => undefined);
    server.server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server = server;
    server.listen(this.#port, "127.0.0.1");
    await once(server.server, "listening");
    this.#port = (server.server.address() as AddressInfo).port;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.#port}`;
  }

  /** Forgets the mails, and behaves as usual again. */
  reset(): void {
    this.mails.length = 0;
    this.seen.length = 0;
    this.behaviour = {};
  }

  /** Waits for mails to an address, and returns them. */
  async mailsTo(address: string, count = 1): Promise<ReceivedMail[]> {
    const found = () => this.mails.filter(({ recipients }) => recipients.includes(address));
    await eventually(() => found().length >= count);
    return found();
  }

  /** Waits for a mail to an address, and returns the token of its link. */
  async tokenTo(address: string): Promise<string> {
    const [mail] = await this.mailsTo(address);
    return tokenIn(mail?.text);
  }

  /** Stops listening, and closes all connections. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await promisify(server.close.bind(server))();
  }
}

/** Returns the token of the link in a mail's text. */
export function tokenIn(mail = ""): string {
  const [, token = ""] = /token=([\w-]+)/.exec(mail) ?? [];
  return token;
}

function withCode(responseCode: number): Error {
  return Object.assign(new Error("No."), { responseCode });
}
