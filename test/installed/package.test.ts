import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { ROOT } from "../support/command.js";
import { PACKAGE } from "./app.js";

const packed = readdirSync(PACKAGE, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => relative(PACKAGE, join(parentPath, name)))
  .filter((path) => !path.startsWith("node_modules/"));

function textOf(path: string): string {
  return readFileSync(join(PACKAGE, path), "utf8");
}

describe("the packed package", () => {
  test("holds the code, GraphiQL, the schema and the documents for people, and nothing else", () => {
    for (const path of [
      "dist/index.js",
      "dist/index.d.ts",
      "cjs/index.js",
      "cjs/index.d.ts",
      "dist/cli.js",
      "assets/graphiql/index.html",
      "assets/graphiql/graphiql.min.js",
      "schema.graphql",
      "package.json",
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
    ]) {
      expect(packed).toContain(path);
    }
    const isExpected =
      /^(dist|cjs|deploy|docs|assets\/graphiql|examples|bench)\/|^[^/]+\.(md|json|graphql)$|^LICENSE$/;
    expect(packed.filter((path) => !isExpected.test(path))).toEqual([]);
  });

  test("holds no build of a deleted source", () => {
    const sources = packed
      .filter((path) => path.startsWith("dist/") && path.endsWith(".js"))
      .map((path) => path.replace(/^dist\/(.*)\.js$/, "src/$1.ts"));
    expect(sources.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("has pages whose links lead only to files in the package", () => {
    const pages = packed.filter((path) => path.endsWith(".md"));
    const links = pages.flatMap((page) =>
      [...textOf(page).matchAll(/\]\(([^)#\s]+)|<img src="([^"]+)"/g)].map(
        ([, link = "", image = link]) => ({ page, target: link || image }),
      ),
    );
    expect(links.length).toBeGreaterThan(15);
    const missing = links.filter(
      ({ page, target }) =>
        !/^https?:/.test(target) && !existsSync(join(PACKAGE, dirname(page), target)),
    );
    expect(missing).toEqual([]);
  });

  test("has source maps, and the sources that they name", () => {
    const maps = packed.filter((path) => path.endsWith(".map"));
    expect(maps.length).toBeGreaterThan(100);
    const missing = maps.flatMap((path) => {
      const { sources, sourcesContent } = JSON.parse(textOf(path)) as Record<string, string[]>;
      return (sources ?? []).filter(
        (source, index) =>
          !sourcesContent?.[index] && !existsSync(join(PACKAGE, dirname(path), source)),
      );
    });
    expect(missing).toEqual([]);
  });
});
