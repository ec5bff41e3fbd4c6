// Packs the package and installs it once for all tests, as a user does: in an empty folder, with nothing linked.
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The additional packages that the pages' blocks for clients import, in the versions of this clone. */
const CLIENT_PACKAGES = [
  "@apollo/client",
  "@graphql-codegen/client-preset",
  "@types/react",
  "@types/react-dom",
  "@urql/exchange-auth",
  "graphql-request",
  "react",
  "react-dom",
  "rxjs",
  "urql",
];

/**
 * The environment of npm. It lacks the variables of the npm that started the tests, because those would send this npm
 * to the clone. It switches off install scripts, because the only one would compile SQLite for two minutes.
 */
export const NPM_ENV = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$/i.test(name)),
  ),
  npm_config_ignore_scripts: "true",
  npm_config_fund: "false",
};

/** Copies SQLite's driver as this clone compiled it, because compiling it takes two minutes. */
export async function copyCompiledSqlite(app) {
  const [from, to] = [ROOT, app].map((root) => join(root, "node_modules/sqlite3"));
  const versionIn = async (path) =>
    JSON.parse(await readFile(join(path, "package.json"), "utf8")).version;
  const [here, there] = [await versionIn(from), await versionIn(to)];
  if (here !== there) {
    throw new Error(`sqlite3 ${here} is compiled here, but ${there} is installed.`);
  }
  await cp(join(from, "build"), join(to, "build"), { recursive: true });
}

/** Sets `INSTALLED_APP` to the application's folder, and `INSTALLED_TARBALL` to the tarball. */
export default async function install() {
  const folder = await mkdtemp(join(tmpdir(), "installed-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [clone, app] = [join(folder, "gatehouse"), join(folder, "app")];
  await mkdir(clone);
  await mkdir(app);
  const pack = ["pack", "--json", "--pack-destination", clone];
  const [{ filename }] = JSON.parse((await run("npm", pack, { cwd: ROOT, env: NPM_ENV })).stdout);

  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [route] = /^npm install \S+\.tgz .*$/m.exec(readme) ?? [];
  if (route === undefined) throw new Error("README.md does not say how to install the tarball.");
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const others = CLIENT_PACKAGES.map((name) => `${name}@${devDependencies[name]}`);
  // Installs the newest @types/node, because its declarations change most.
  const rest = `npm install @types/node@latest @types/express@5 ${others.join(" ")}`;
  for (const command of [route, rest]) {
    await run("sh", ["-c", command], { cwd: app, env: NPM_ENV });
  }
  await copyCompiledSqlite(app);
  process.env["INSTALLED_APP"] = app;
  process.env["INSTALLED_TARBALL"] = join(clone, filename);
}
