// A part of the build. Makes a CommonJS copy of dist in cjs, for Jest and for bundlers that `require` the package. Node
// does not load this copy: because of the export condition `module-sync`, `require` loads the ES modules there.
import { existsSync } from "node:fs";
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const files = await readdir("dist", { recursive: true });
// Applications do not load the command. The verifier is built below.
const modules = files.filter(
  (name) => name.endsWith(".js") && !/^(cli\.js$|commands\/|verify\/)/.test(name),
);
const options = {
  outbase: "dist",
  outdir: "cjs",
  format: "cjs",
  target: "es2023",
  sourcemap: true,
};
await build({
  ...options,
  entryPoints: modules.map((name) => `dist/${name}`),
  define: { "import.meta.dirname": "__dirname" },
  // Jest cannot run `import()` in CommonJS.
  supported: { "dynamic-import": false },
  logLevel: "warning",
});
// jose has only ES modules, which Jest cannot `require` before Node 24. So the verifier contains jose.
await build({
  ...options,
  entryPoints: ["dist/verify/index.js"],
  bundle: true,
  external: ["lru-cache"],
  banner: { js: `/* Contains jose:\n${await readFile("node_modules/jose/LICENSE.md", "utf8")}*/` },
  logLevel: "warning",
});
// Do not use `cp`, because it deletes each file before it writes the new one.
const others = files.filter((name) => name.endsWith(".d.ts") && !/^(cli\.|commands)/.test(name));
await Promise.all(others.map((name) => copyFile(`dist/${name}`, `cjs/${name}`)));
await writeFile("cjs/package.json", '{ "type": "commonjs" }\n');

// Delete old files last and one by one, because a linked application may be using the other files.
for (const entry of await readdir("cjs", { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  const isMade = path === "cjs/package.json" || existsSync(path.replace(/^cjs/, "dist"));
  if (entry.isFile() && !isMade) await rm(path);
}
