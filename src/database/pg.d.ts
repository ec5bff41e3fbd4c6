/** The part of `pg` that Gatehouse and its tests use. The package has no types. */
declare module "pg" {
  import type { Socket } from "node:net";

  export interface ClientConfig {
    readonly connectionString?: string;
    readonly connectionTimeoutMillis?: number;
    readonly host?: string;
    readonly port?: number;
    readonly user?: string;
    readonly password?: string;
    readonly database?: string;
    readonly application_name?: string;
    readonly options?: string;
    readonly ssl?: object | false;
    readonly keepAlive?: boolean;
    readonly keepAliveInitialDelayMillis?: number;
  }
  export interface QueryConfig {
    /** The name under which the statement stays prepared. */
    readonly name?: string;
    readonly text: string;
    readonly values?: readonly unknown[];
    /** Milliseconds until the client stops waiting. The server continues the query. */
    readonly query_timeout?: number;
    /** Converts the values of the rows. */
    readonly types?: { readonly getTypeParser: (type: number) => (text: string) => unknown };
  }
  export class Client {
    constructor(config: ClientConfig);
    readonly user: string | undefined;
    readonly database: string | undefined;
    /** The process id that the server, or a pooler, sent for this connection. */
    readonly processID: number | null;
    /** With TLS, `_parent` is the TCP socket. */
    readonly connection: { readonly stream: Socket & { readonly _parent?: Socket | null } };
    connect(): Promise<void>;
    query(query: string | QueryConfig, values?: readonly unknown[]): Promise<{ rows: unknown[] }>;
    end(): Promise<void>;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "end", listener: () => void): this;
  }
  const pg: { Client: typeof Client };
  export default pg;
}
