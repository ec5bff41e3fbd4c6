import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./command.js";
import { eventually } from "./eventually.js";
import { findFreePort } from "./free-port.js";
import { describeWith } from "./programs.js";

/** The path of nginx. */
export const NGINX = process.env["NGINX_PATH"] ?? "/usr/sbin/nginx";
/** The configuration that Gatehouse ships. */
const SITE = join(ROOT, "deploy/nginx.conf");

/** `describe` if nginx is installed; otherwise it skips the tests and says why. */
export const describeNginx = describeWith(NGINX, "NGINX_PATH");

/** A running nginx. */
export interface Nginx {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts nginx with deploy/nginx.conf, but without TLS, in front of servers on two ports of loopback. */
export function startNginx([one, two]: readonly [number, number]): Promise<Nginx> {
  return startSite(readFileSync(SITE, "utf8"), [
    ["gatehouse-1:4000", `127.0.0.1:${one}`],
    ["gatehouse-2:4000", `127.0.0.1:${two}`],
  ]);
}

/** Starts nginx with a site, but without TLS, on loopback. @param changes the texts to replace, such as host names */
export async function startSite(
  site: string,
  changes: readonly (readonly [from: string, to: string])[],
): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), "nginx-"));
  // The workers run as another user.
  chmodSync(folder, 0o755);
  const port = await findFreePort();
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, port, site, changes));
  const child = spawn(NGINX, ["-e", join(folder, "error.log"), "-p", folder, "-c", file]);
  const ended = once(child, "close");
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    if (child.exitCode !== null) {
      throw new Error(readFileSync(join(folder, "error.log"), "utf8"));
    }
    return fetch(url).then(
      () => true,
      () => false,
    );
  });
  return {
    url,
    close: async () => {
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(
  folder: string,
  port: number,
  text: string,
  changes: readonly (readonly [from: string, to: string])[],
) {
  const all = [...changes, ["443 ssl", `127.0.0.1:${port}`], [/^ *ssl_.*\n/gm, ""]] as const;
  const site = all.reduce((before, [from, to]) => {
    const next = before.replace(from, to);
    if (next === before) throw new Error(`The site of nginx has no ${String(from)} any more.`);
    return next;
  }, text);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n");
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log info;
events { worker_connections 1024; }
http {
access_log off;
${temporary}
${site}
}`;
}
