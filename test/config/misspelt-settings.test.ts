import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { allSettings, variablesOf } from "../../src/config/environment.js";
import { BUILT_IN } from "../../src/features/index.js";
import { refusedByAuth, refusedByCommand, refusedByServer } from "../support/wrong-settings.js";

const variables = variablesOf(allSettings(BUILT_IN));
const options = [...variables.keys()];
const longVariables = [...variables.values()].filter((name) => name.length >= 6);

/** Variables that other programs set on servers. */
const OTHERS = [
  ...["PATH", "HOME", "HOSTNAME", "HOSTTYPE", "USER", "SHELL", "PWD", "TERM", "LANG", "LC_ALL"],
  ...["TZ", "TMPDIR", "EDITOR", "MAIL", "LOGNAME", "SHLVL", "CI", "DEBUG", "NODE_OPTIONS"],
  ...["NODE_PATH", "NODE_VERSION", "NPM_TOKEN", "npm_package_name", "http_proxy", "HTTPS_PROXY"],
  ...["KUBERNETES_PORT", "KUBERNETES_SERVICE_HOST", "REDIS_PORT", "REDIS_HOST", "DATABASE_HOST"],
  ...["POSTGRES_USER", "PGHOST", "PGPORT", "AWS_REGION", "DYNO", "PORTS", "HOSTS", "LOG_FORMAT"],
];

type Slip = (name: string, at: number) => string;

const SLIPS: Readonly<Record<string, Slip>> = {
  "a letter missing": (name, at) => name.slice(0, at) + name.slice(at + 1),
  "a letter doubled": (name, at) => name.slice(0, at + 1) + name.slice(at),
  "a wrong letter": (name, at) => `${name.slice(0, at)}q${name.slice(at + 1)}`,
  "two letters swapped": (name, at) =>
    name.slice(0, at) + name.charAt(at + 1) + name.charAt(at) + name.slice(at + 2),
};

/** Returns real names, each with a misspelling that has one slip. */
function misspelt(slip: Slip, names: readonly string[]) {
  return fc
    .record({ name: fc.constantFrom(...names), at: fc.nat() })
    .map(({ name, at }) => ({ name, wrong: slip(name, at % (name.length - 1)) }))
    .filter(({ name, wrong }) => name !== wrong);
}

describe.each(Object.entries(SLIPS))("with %s", (_what, slip) => {
  test("an option is refused, and the real one is named", async () => {
    await fc.assert(
      fc.asyncProperty(misspelt(slip, options), async ({ name, wrong }) => {
        expect(await refusedByServer({ [wrong]: 1 })).toEqual([
          `${wrong}: is not a setting; did you mean ${name}?`,
        ]);
      }),
    );
  });

  test("a variable is refused, and the real one is named", () => {
    fc.assert(
      fc.property(misspelt(slip, longVariables), ({ name, wrong }) => {
        expect(refusedByCommand({ [wrong]: "1" })).toEqual([
          `${wrong}: is not a setting; did you mean ${name}?`,
        ]);
      }),
    );
  });
});

test("the case of an option's letters counts as one slip", async () => {
  expect(await refusedByAuth({ accesstokenlifetime: 300 })).toEqual([
    "accesstokenlifetime: is not a setting; did you mean accessTokenLifetime?",
  ]);
});

test.each(["acesTokenLifetime", "uplicUrl", "leeeeway"])(
  "an option with two slips is refused, and no other is named: %s",
  async (option) => {
    expect(await refusedByAuth({ [option]: 300 })).toEqual([`${option}: is not a setting`]);
  },
);

test("the option features is accepted, although it is not a setting", async () => {
  expect(await refusedByAuth({ feature: [] })).toEqual([
    "feature: is not a setting; did you mean features?",
  ]);
  expect(refusedByCommand({ FEATURES: "./mine.js" })).toEqual([]);
  expect(refusedByCommand({ FEATUERS: "./mine.js" })).toEqual([
    "FEATUERS: is not a setting; did you mean FEATURES?",
  ]);
});

test("a misspelt variable stops the start even if the real one is set too", () => {
  expect(refusedByCommand({ LOG_LEVEL: "info", LOG_LEVLE: "debug" })).toEqual([
    "LOG_LEVLE: is not a setting; did you mean LOG_LEVEL?",
  ]);
});

describe("a variable that is not misspelt is ignored:", () => {
  test("the name of a real setting", () => {
    const names = [...variables.values()];
    const env = { [longVariables[0] ?? ""]: "sqlite:gate.sqlite" };
    expect(refusedByCommand(env)).toEqual([]);
    const lines = refusedByCommand(Object.fromEntries(names.map((name) => [name, "?"])));
    expect(lines.filter((line) => line.includes("did you mean"))).toEqual([]);
  });

  test.each(OTHERS)("%s, of another program", (name) => {
    expect(refusedByCommand({ [name]: "1" })).toEqual([]);
  });

  test.each([
    "POST",
    "PART",
    "COST",
    "MOST",
    "LOST",
    "HOT",
    "GHOST",
    "HOSTS",
    "SPORT",
    "POT",
    "SORT",
  ])("%s, an ordinary word", (name) => {
    expect(refusedByCommand({ [name]: "1" })).toEqual([]);
  });
});

test.each([
  ["HSOT", "HOST"],
  ["HOTS", "HOST"],
  ["HOOST", "HOST"],
  ["HST", "HOST"],
  ["PROT", "PORT"],
  ["PORTT", "PORT"],
  ["PRT", "PORT"],
])("%s, which is not a word, counts as a misspelling of %s", (wrong, name) => {
  expect(refusedByCommand({ [wrong]: "1" })).toEqual([
    `${wrong}: is not a setting; did you mean ${name}?`,
  ]);
});
