import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { build } from "esbuild";

/** Returns the size in bytes of entries together with everything that they import. */
async function sizeOf(...entries: string[]): Promise<number> {
  const { outputFiles } = await build({
    stdin: {
      contents: entries.map((entry) => `export * from "./${entry}.ts";`).join(""),
      resolveDir: "src/client",
    },
    bundle: true,
    minify: true,
    format: "esm",
    external: ["react"],
    write: false,
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

describe("minified and compressed", () => {
  test("the client is smaller than 6 KB", async () => {
    expect(await sizeOf("index")).toBeLessThan(6 * 1024);
  });

  test("the React entry adds less than 2 KB", async () => {
    expect((await sizeOf("react")) - (await sizeOf("index"))).toBeLessThan(2 * 1024);
  });

  test("the account entry adds less than 5 KB", async () => {
    expect((await sizeOf("account", "index")) - (await sizeOf("index"))).toBeLessThan(5 * 1024);
  });
});
