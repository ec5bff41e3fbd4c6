import { test } from "@jest/globals";
import { Explorer } from "./explorer.js";
const CASTS = (process.env.CASTS ?? "").split(";");
test("x", async () => {
  for (const db of (process.env.DBS ?? "postgresql").split(",") as any[]) {
  const e = await Explorer.open(db);
  for (const c of CASTS) {
    const before = e.plays; const t=performance.now(); (globalThis as any).finals = new Set(); (globalThis as any).prefixes=0;
    const f = await e.explore(c);
    process.stderr.write(`${db} ${c}: ${f} ${e.plays-before} plays, ${(globalThis as any).prefixes} all, ${(globalThis as any).finals.size} finals, ${((performance.now()-t)/1000).toFixed(1)} s, missed ${e.missed}\n`);
    if (process.env.FINALS) (await import("node:fs")).writeFileSync(process.env.FINALS+db+c.replaceAll(" ","_"), [...(globalThis as any).finals].sort().join("\n"));
  }
  await e.close(); }
}, 10000000);
