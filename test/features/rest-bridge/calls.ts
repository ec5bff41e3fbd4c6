/** One response of a REST server. */
export interface RestAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly headers: Headers;
  readonly text: string;
  readonly body: any;
}

export interface RestCall {
  readonly method?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent unchanged. */
  readonly body?: string | Buffer | URLSearchParams | FormData;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a request, and does not follow redirects. */
export async function call(
  url: string,
  { method, json, body, headers = {} }: RestCall = {},
): Promise<RestAnswer> {
  const sent = json === undefined ? body : JSON.stringify(json);
  const response = await fetch(url, {
    method: method ?? (sent === undefined ? "GET" : "POST"),
    headers: { ...(json !== undefined && { "content-type": "application/json" }), ...headers },
    ...(sent !== undefined && { body: sent }),
    redirect: "manual",
  });
  const text = await response.text();
  const type = response.headers.get("content-type");
  const isJson = type === "application/json" && text !== "";
  const { status } = response;
  return { status, type, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}
