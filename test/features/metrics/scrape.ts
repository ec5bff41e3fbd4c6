import type { Gate } from "../../support/gate.js";

/** The token of scrapers in tests. */
export const METRICS_TOKEN = "k3Rw9vQ2pXzT7mB4nL6sD8fG1hJ5cY0a";

/** Returns the metrics of a gate as text. */
export async function scrape({ url }: { url: string }): Promise<string> {
  const response = await fetch(`${url}/metrics`, {
    headers: { authorization: `Bearer ${METRICS_TOKEN}` },
  });
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

/** Returns the value of one sample, such as `gatehouse_events_total{type="token_reused"}`, or undefined. */
export function valueOf(text: string, sample: string): number | undefined {
  const line = text.split("\n").find((found) => found.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length));
}

/** Returns how much samples grow during `run`. A sample that does not exist counts as 0. */
export async function growthOf(
  gate: Gate,
  samples: readonly string[],
  run: () => Promise<unknown>,
): Promise<number[]> {
  const before = await scrape(gate);
  await run();
  const after = await scrape(gate);
  return samples.map((sample) => (valueOf(after, sample) ?? 0) - (valueOf(before, sample) ?? 0));
}

/** Returns the number of samples of a metric. */
export function countSamples(text: string, metric: string): number {
  return text.split("\n").filter((line) => line.startsWith(`${metric}{`)).length;
}
