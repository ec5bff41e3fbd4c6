import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { CLI, ROOT } from "../../support/command.js";
import { describeDjango, DjangoProject, PROJECT, PYTHON } from "../../support/django.js";
import { findFreePort } from "../../support/free-port.js";

/** Django's SECRET_KEY on the page. */
const SECRET_KEY = "django-insecure-7x";

interface Step {
  readonly command: string;
  /** The output that the page shows below the command. */
  readonly output: string;
}

/** Returns the commands of a page's console blocks, in order. */
function readSteps(page: string): Step[] {
  const blocks = [...page.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = "", ...output] = step.split("\n");
        return { command, output: output.join("\n") };
      }),
  );
}

/** Creates the folder `shop` with the page's project. Returns a key and an access token of its user mamun. */
async function makeShop(folder: string): Promise<{ KEY: string; ACCESS: string }> {
  const django = await DjangoProject.create({ secretKey: SECRET_KEY });
  try {
    const tokens = await django.shell(`
mamun = User.objects.create_user("mamun", "mamun@gmail.com", "1234")
for name in ["ada", "Ada"]:
    User.objects.create_user(name, "ada@example.com", "1234")
root = User.objects.create_superuser("root", password="1234")
Profile.objects.create(user=root, role="admin")
User.objects.create(username="old", password=make_password("1234", hasher="md5"))
refresh = RefreshToken.for_user(mamun)
result = {"KEY": Token.objects.create(user=mamun).key, "ACCESS": str(refresh.access_token)}`);
    await cp(PROJECT, join(folder, "shop"), { recursive: true });
    const path = django.databaseUrl.slice("sqlite:".length);
    await copyFile(path, join(folder, "shop/db.sqlite3"));
    return tokens;
  } finally {
    await django.close();
  }
}

/**
 * Creates the commands `gatehouse` and `python3`. This `python3` sets the variables that a real shop has in its
 * environment.
 */
async function makeCommands(folder: string): Promise<string> {
  const bin = join(folder, "bin");
  await mkdir(bin);
  const settings = `DATABASE_URL=sqlite:../shop/db.sqlite3 SECRET_KEY=${SECRET_KEY}`;
  const commands = {
    gatehouse: `exec "${process.execPath}" "${CLI}" "$@"`,
    python3: `PYTHONDONTWRITEBYTECODE=1 ${settings} exec ${PYTHON} "$@"`,
  };
  for (const [name, command] of Object.entries(commands)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  }
  return bin;
}

/** Runs the commands in one shell. Returns what each one printed. */
async function runAll(
  steps: readonly Step[],
  options: { cwd: string; env: Record<string, string> },
): Promise<string[]> {
  const port = options.env["PORT"];
  const script = steps.map(({ command }) => {
    const here = command.replaceAll("http://127.0.0.1:4000", `http://127.0.0.1:${port}`);
    if (command !== "gatehouse serve") return `${here}\necho; echo @@`;
    const wait = `curl -s --retry 60 --retry-connrefused --retry-delay 1 http://127.0.0.1:${port}/health/ready`;
    return `gatehouse serve > serve.log & trap "kill $!" EXIT\n${wait} > ready.log\necho; echo @@`;
  });
  const { stdout } = await promisify(execFile)(
    "bash",
    ["-c", `exec 2>&1\n${script.join("\n")}`],
    options,
  );
  return stdout.replaceAll(dirname(options.cwd), "/srv").split("\n@@\n").slice(0, -1);
}

describeDjango("docs/django.md", () => {
  test("shows what its commands print, one after the other", async () => {
    const folder = await mkdtemp(join(tmpdir(), "move-"));
    try {
      const steps = readSteps(await readFile(join(ROOT, "docs/django.md"), "utf8"));
      const tokens = await makeShop(folder);
      const bin = await makeCommands(folder);
      const cwd = join(folder, "auth");
      await mkdir(cwd);
      const env = {
        ...tokens,
        PATH: `${bin}:/usr/bin:/bin`,
        PORT: String(await findFreePort()),
      };
      const printed = await runAll(steps, { cwd, env });
      const shown = steps.map(({ command, output }) => `$ ${command}\n${output.trimEnd()}`);
      const run = steps.map(({ command }, index) => `$ ${command}\n${printed[index]?.trimEnd()}`);
      expect(run).toEqual(shown);
      expect(steps.length).toBeGreaterThan(10);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 180_000);
});
