import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin";
import {
  determineHitLimitReached,
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  toMutantRunResult,
} from "@stryker-mutator/api/test-runner";
import { addEventHandler, getState, resetState, run } from "jest-circus";
import { jest } from "./globals.js";

/** How long a test may take, in milliseconds, as in jest.config.js. */
const TEST_TIMEOUT = 30_000;

/** How long a file may clean up after its first failure, in milliseconds. */
const CLEAN_UP_TIMEOUT = 5000;

/** What the processes of a run tell each other. They are files in Stryker's copy of the project. */
const DURATIONS = ".mutation-durations.json";
const KILLS = ".mutation-kills";
const SLOT = ".mutation-process-";

const { clearTimeout, setImmediate, setTimeout } = globalThis;

/** The variables that Stryker's changes to the code read and write. */
const stryker = (globalThis.__stryker__ ??= {});

/**
 * Runs test files in the process itself. It loads the sources once, and a test file for each run, so that most runs
 * take no longer than the tests themselves. For Stryker, a test is a file, together with its hooks.
 */
class FileRunner {
  /** The milliseconds that each file took without a mutant. */
  #durations = {};
  /** How often each file found a mutant. Earlier finds count less. */
  #kills = {};
  #hasFailed = false;
  #isUnclean = false;

  capabilities() {
    return { reloadEnvironment: false };
  }

  init() {
    process.env.NODE_ENV = "test";
    // The support code names its databases after it.
    process.env.JEST_WORKER_ID = String(takeSlot());
    globalThis[Symbol.for("TEST_TIMEOUT_SYMBOL")] = TEST_TIMEOUT;
    if (existsSync(DURATIONS)) this.#durations = JSON.parse(readFileSync(DURATIONS, "utf8"));
    if (existsSync(KILLS)) {
      for (const id of readFileSync(KILLS, "utf8").split("\n").slice(-100, -1)) this.#countKill(id);
    }
  }

  async dryRun({ files, testFiles }) {
    // Outside any test, because their statements run once in a process, not once in a file.
    for (const file of files) await load(file);
    const tests = [];
    for (const file of testFiles) {
      const id = relative("", file);
      const start = performance.now();
      stryker.currentTestId = id;
      const { failure } = await runFile(id);
      stryker.currentTestId = undefined;
      this.#durations[id] = performance.now() - start;
      tests.push({
        id,
        name: id,
        fileName: file,
        timeSpentMs: this.#durations[id],
        ...(failure === undefined
          ? { status: TestStatus.Success }
          : { status: TestStatus.Failed, failureMessage: failure }),
      });
    }
    writeFileSync(DURATIONS, JSON.stringify(this.#durations));
    return { status: DryRunStatus.Complete, tests, mutantCoverage: stryker.mutantCoverage };
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    if (this.#isUnclean) restart("The last file left something behind.");
    stryker.activeMutant = activeMutant.id;
    stryker.hitCount = hitLimit === undefined ? undefined : 0;
    stryker.hitLimit = hitLimit;
    try {
      const ids = this.#order(testFilter.map((file) => relative("", file)));
      for (const [index, id] of ids.entries()) {
        const { failure, isStray, isUnclean } = await runFile(id);
        const timeout = determineHitLimitReached(stryker.hitCount, hitLimit);
        if (failure === undefined && timeout === undefined) continue;
        if (isStray && this.#hasFailed) restart("The error may be of an earlier failure.");
        this.#hasFailed = true;
        this.#isUnclean = isUnclean;
        if (timeout) return toMutantRunResult(timeout);
        this.#countKill(id);
        appendFileSync(KILLS, `${id}\n`);
        return {
          status: MutantRunStatus.Killed,
          killedBy: [id],
          failureMessage: failure,
          nrOfTests: index + 1,
        };
      }
      return { status: MutantRunStatus.Survived, nrOfTests: ids.length };
    } finally {
      stryker.activeMutant = stryker.hitCount = stryker.hitLimit = undefined;
    }
  }

  #countKill(id) {
    for (const other of Object.keys(this.#kills)) this.#kills[other] *= 0.8;
    this.#kills[id] = (this.#kills[id] ?? 0) + 1;
  }

  /** Files that find much for their time come first. */
  #order(ids) {
    const price = (id) => this.#durations[id] / ((this.#kills[id] ?? 0) + 0.1);
    return ids.toSorted((a, b) => price(a) - price(b));
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "files", FileRunner)];

/** Stryker starts a new process after an error, and runs the same mutant there. */
function restart(reason) {
  throw new Error(reason);
}

/** The run of a file: its first failure, and how to end it early. */
let current;

/**
 * Runs a test file until its first failure.
 * @returns the failure; whether nothing awaited its error (`isStray`); whether servers or tests still run (`isUnclean`)
 */
async function runFile(id) {
  const file = { pending: new Map() };
  const abandoned = new Promise((resolve) => (file.abandon = resolve));
  current = file;
  resetState();
  const ended = load(id, true).then(run).then(checkResult, fail);
  const isAbandoned = (await Promise.race([ended, abandoned])) === "abandoned";
  if (!isAbandoned) await checkPending();
  current = undefined;
  clearTimeout(file.timer);
  jest.useRealTimers();
  jest.restoreAllMocks();
  const isListening = process.getActiveResourcesInfo().includes("TCPServerWrap");
  const { failure, isStray } = file;
  return { failure, isStray, isUnclean: isAbandoned || isStray || isListening };
}

let loads = 0;

/** Loads a compiled file, once or anew. */
function load(path, isNew = false) {
  const { href } = pathToFileURL(resolve(path.replace(/\.ts$/, ".js")));
  return import(isNew ? `${href}?${(loads += 1)}` : href);
}

function fail(error, isStray = false) {
  if (current === undefined || current.failure !== undefined) return;
  const [first] = [error].flat();
  current.failure = String(first?.stack ?? first);
  current.isStray = isStray;
  const { abandon } = current;
  current.timer = setTimeout(() => abandon("abandoned"), CLEAN_UP_TIMEOUT);
}

function checkResult({ testResults, unhandledErrors }) {
  const [error] = [...testResults.flatMap(({ errors }) => errors), ...unhandledErrors];
  if (error !== undefined) fail(error);
}

/** Fails if a rejection is still unhandled after the tasks that are due. */
async function checkPending() {
  await new Promise((resolve) => setImmediate(resolve));
  for (const error of current?.pending.values() ?? []) fail(error, true);
}

process.on("uncaughtException", (error) => fail(error, true));
process.on("unhandledRejection", (error, promise) => current?.pending.set(promise, error));
process.on("rejectionHandled", (promise) => current?.pending.delete(promise));

addEventHandler(async ({ name, error, test, describeBlock }) => {
  if (name === "test_fn_failure" || name === "hook_failure") fail(error);
  if (name === "test_done") await checkPending();
  const hasFailed = current?.failure !== undefined;
  if (name === "test_start" && hasFailed) test.mode = "skip";
  if (name === "run_describe_start" && hasFailed) describeBlock.mode = "skip";
});

/** Takes the lowest number that no other process of the run has, so that databases are reused after a restart. */
function takeSlot(number = 1) {
  const path = `${SLOT}${number}`;
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return number;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (isRunning(Number(readFileSync(path, "utf8")))) return takeSlot(number + 1);
  rmSync(path);
  return takeSlot(number);
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
