import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, isAbsolute, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin";
import {
  determineHitLimitReached,
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  toMutantRunResult,
} from "@stryker-mutator/api/test-runner";
import { addEventHandler, resetState, run } from "jest-circus";
// TypeGraphQL, which the sources of http load, needs it.
import "reflect-metadata";
import jestConfig from "../jest.config.js";
import { jest } from "./globals.js";

/** Tests that take longer than this, in milliseconds, run after all others. */
const SLOW = 3000;

/** The number of tests that are tried first because they found earlier mutants. */
const FAVOURITES = 5;

/** The time that a test file has to clean up after its first failure, in milliseconds. */
const CLEAN_UP_TIMEOUT = 5000;

/** Files in Stryker's copy of the project, by which the processes of a run share their results. */
const FILES = ".mutation-files.json";
const KILLS = ".mutation-kills";
const CHECKS = ".mutation-checks";
const SLOT = ".mutation-process-";

const { clearTimeout, setImmediate, setTimeout } = globalThis;

/** The variables that the code of the mutants reads and writes. */
const stryker = (globalThis.__stryker__ ??= {});

/**
 * Runs test files in the process itself. The sources are loaded once, and a test file for each run, so that most runs
 * take no longer than the tests themselves. Code outside of tests, such as a hook, counts for Stryker as one more
 * test, whose id is the path of the file.
 */
class FileRunner {
  /** The milliseconds of each test file as a whole, and of each of its tests by title. The key is the file's path. */
  #files;
  /** The number of mutants that each test found, by the test's id. Earlier mutants count less. */
  #kills = {};
  /** Whether a test fails if the other tests of its file do not run, by the test's id. */
  #dependent = new Map();
  #hasFailed = false;
  #isUnclean = false;

  capabilities() {
    return { reloadEnvironment: false };
  }

  init() {
    process.env.NODE_ENV = "test";
    // The test support names its databases after this number.
    process.env.JEST_WORKER_ID = String(takeSlot());
    globalThis[Symbol.for("TEST_TIMEOUT_SYMBOL")] = jestConfig.testTimeout;
  }

  async dryRun({ files, testFiles }) {
    // The sources are loaded outside any test, because their top-level statements run once in a process, not once in
    // a test file.
    for (const file of files) await load(file);
    const tests = [];
    this.#files = {};
    for (const fileName of testFiles) {
      const file = relative("", fileName);
      const start = performance.now();
      stryker.currentTestId = file;
      const { failure, durations } = await runTests(file);
      stryker.currentTestId = undefined;
      const milliseconds = performance.now() - start;
      this.#files[file] = { milliseconds, durations };
      const rest = milliseconds - sum(Object.values(durations));
      const verdict =
        failure === undefined
          ? { status: TestStatus.Success }
          : { status: TestStatus.Failed, failureMessage: failure };
      tests.push({ id: file, name: file, fileName, timeSpentMs: rest, ...verdict });
      for (const [title, timeSpentMs] of Object.entries(durations)) {
        const id = idOf(file, title);
        tests.push({ id, name: title, fileName, timeSpentMs, status: TestStatus.Success });
      }
    }
    writeFileSync(FILES, JSON.stringify(this.#files));
    return { status: DryRunStatus.Complete, tests, mutantCoverage: stryker.mutantCoverage };
  }

  async mutantRun({ activeMutant, sandboxFileName, testFilter, hitLimit }) {
    if (this.#isUnclean) restart("The last file left something behind.");
    this.#files ??= this.#recall();
    const isStatic = testFilter.some(isAbsolute);
    stryker.hitLimit = hitLimit;
    let nrOfTests = 0;
    try {
      for (const { file, titles } of this.#plan(testFilter, basename(sandboxFileName, ".ts"))) {
        stryker.activeMutant = activeMutant.id;
        stryker.hitCount = hitLimit === undefined ? undefined : 0;
        const run = await runTests(file, titles);
        nrOfTests += Object.keys(run.durations).length;
        const timeout = determineHitLimitReached(stryker.hitCount, hitLimit);
        stryker.activeMutant = stryker.hitCount = undefined;
        if (run.failure === undefined && timeout === undefined) continue;
        if (run.isStray && this.#hasFailed) restart("The error may be of an earlier failure.");
        this.#hasFailed = true;
        this.#isUnclean = run.isUnclean;
        if (timeout) return toMutantRunResult(timeout);
        const id = idOf(file, run.failed);
        if (
          titles !== undefined &&
          !run.isUnclean &&
          !isStatic &&
          (await this.#isDependent(file, titles, run.failed))
        ) {
          continue;
        }
        this.#countKill(id);
        appendFileSync(KILLS, `${JSON.stringify(id)}\n`);
        return {
          status: MutantRunStatus.Killed,
          killedBy: [id],
          failureMessage: run.failure,
          nrOfTests,
        };
      }
      return { status: MutantRunStatus.Survived, nrOfTests };
    } finally {
      stryker.activeMutant = stryker.hitCount = stryker.hitLimit = undefined;
    }
  }

  /** Returns whether a test failed only because the other tests of its file did not run. */
  async #isDependent(file, titles, failed) {
    const id = idOf(file, failed);
    if (!this.#dependent.has(id)) {
      const { failure } = await runTests(
        file,
        titles.slice(0, titles.indexOf(failed) + 1 || undefined),
      );
      const check = [id, failure !== undefined];
      this.#dependent.set(...check);
      appendFileSync(CHECKS, `${JSON.stringify(check)}\n`);
      // A test that fails without the mutant too may also mean that an earlier mutant has damaged the process.
      this.#isUnclean = failure !== undefined;
    }
    return this.#dependent.get(id);
  }

  /** Reads the results of the other processes. */
  #recall() {
    for (const id of readLines(KILLS).slice(-100)) this.#countKill(id);
    this.#dependent = new Map(readLines(CHECKS));
    return JSON.parse(readFileSync(FILES, "utf8"));
  }

  #countKill(id) {
    for (const other of Object.keys(this.#kills)) this.#kills[other] *= 0.8;
    this.#kills[id] = (this.#kills[id] ?? 0) + 1;
  }

  /**
   * Yields the runs in this order: the tests that found the last mutants, the tests that reach the mutant, the whole
   * files whose hooks reach it, and the slow tests.
   * @param filter the ids of tests. For a mutant that is active while the sources load, the paths of files
   * @param name the name of the changed file, without extension. A test file with this name is likely to find the
   * mutant
   */
  *#plan(filter, name) {
    const ids = new Set(filter.map((name) => (isAbsolute(name) ? relative("", name) : name)));
    const isStatic = filter.some(isAbsolute);
    const reached = (file) =>
      Object.keys(this.#files[file].durations).filter((title) => ids.has(idOf(file, title)));
    const files = Object.keys(this.#files)
      .filter((file) => ids.has(file) || reached(file).length > 0)
      .map((file) => {
        const { milliseconds, durations } = this.#files[file];
        const titles = Object.keys(durations);
        const quick = titles.filter((title) => durations[title] <= SLOW);
        const slow = titles.filter((title) => durations[title] > SLOW);
        const kills = sum(
          [undefined, ...titles].map((title) => this.#kills[idOf(file, title)] ?? 0),
        );
        const chance = kills + (basename(file) === `${name}.test.ts` ? 2 : 0.1);
        const price = (milliseconds - sum(slow.map((title) => durations[title]))) / chance;
        return { file, price, quick, slow };
      })
      .toSorted((a, b) => a.price - b.price);
    // A static mutant stays active until the process ends, so a failed test cannot be repeated without it.
    const select = (file, titles) =>
      titles.filter((title) => {
        const isDependent = this.#dependent.get(idOf(file, title));
        return isStatic ? isDependent === false : isDependent !== true;
      });
    // Tests that do not reach the mutant seldom find it. A whole file is therefore run only if its hooks or many of
    // its tests reach the mutant.
    const needsWhole = (file, quick) =>
      isStatic || ids.has(file) || reached(file).length >= quick.length / 2 || hasDependent(file);
    const hasDependent = (file) =>
      reached(file).some((title) => this.#dependent.get(idOf(file, title)));
    const favourites = Object.entries(this.#kills)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, FAVOURITES)
      .map(([id]) => id);
    for (const { file, quick } of files) {
      const titles = select(file, quick).filter((title) => favourites.includes(idOf(file, title)));
      if (titles.length > 0) yield { file, titles };
    }
    for (const { file, quick } of files) {
      const titles = select(file, reached(file)).filter((title) => quick.includes(title));
      if (titles.length > 0 && titles.length < quick.length / 2) yield { file, titles };
    }
    for (const { file, quick, slow } of files) {
      if (needsWhole(file, quick)) yield { file, titles: slow.length > 0 ? quick : undefined };
    }
    for (const { file, slow } of files) {
      for (const title of slow) {
        if (ids.has(idOf(file, title)) || isStatic) yield { file, titles: [title] };
      }
    }
    // A failed test that depends on others counts only if its whole file ran. So the slow tests run with their file
    // here.
    for (const { file, quick, slow } of files) {
      const titles = [undefined, ...quick, ...slow];
      const isDependent = titles.some((title) => this.#dependent.get(idOf(file, title)));
      if (isDependent && slow.length > 0) yield { file };
    }
  }
}

const idOf = (file, title) => (title === undefined ? file : `${file}: ${title}`);

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

const readLines = (path) =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    : [];

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "files", FileRunner)];

/** Ends this process with an error. Stryker then starts a new process, and runs the same mutant there. */
function restart(reason) {
  throw new Error(reason);
}

/** The current run of a test file. */
let current;

/**
 * Runs the tests of a file with these titles, or all, until the first failure.
 * @returns the failure, and the title of the test that `failed`; the `durations` of the tests that ran, in
 *   milliseconds; whether nothing awaited the error (`isStray`); whether servers or tests still run (`isUnclean`)
 */
async function runTests(file, titles) {
  const runs = (title) => titles === undefined || titles.includes(title);
  const mine = { file, runs, durations: {}, pending: new Map() };
  const abandoned = new Promise((resolve) => (mine.abandon = resolve));
  current = mine;
  resetState();
  const ended = load(file, true).then(run).then(checkResult, fail);
  const isAbandoned = (await Promise.race([ended, abandoned])) === "abandoned";
  if (!isAbandoned) await checkPending();
  current = undefined;
  clearTimeout(mine.timer);
  jest.useRealTimers();
  jest.restoreAllMocks();
  const isListening = process.getActiveResourcesInfo().includes("TCPServerWrap");
  return { ...mine, isUnclean: isAbandoned || mine.isStray === true || isListening };
}

let loads = 0;

/** Loads a compiled file. `isNew` loads it again even if it was loaded before. */
function load(path, isNew = false) {
  const { href } = pathToFileURL(resolve(path.replace(/\.ts$/, ".js")));
  return import(isNew ? `${href}?${(loads += 1)}` : href);
}

function fail(error, isStray = false) {
  if (current === undefined || current.failure !== undefined) return;
  const [first] = [error].flat();
  current.failure = String(first?.stack ?? first);
  current.isStray = isStray;
  current.failed = current.title;
  const { abandon } = current;
  current.timer = setTimeout(() => abandon("abandoned"), CLEAN_UP_TIMEOUT);
}

function checkResult({ testResults, unhandledErrors }) {
  const [error] = [...testResults.flatMap(({ errors }) => errors), ...unhandledErrors];
  if (error !== undefined) fail(error);
}

/** Fails the run if a rejection is still unhandled after all tasks that are due now. */
async function checkPending() {
  await new Promise((resolve) => setImmediate(resolve));
  for (const error of current?.pending.values() ?? []) fail(error, true);
}

process.on("uncaughtException", (error) => fail(error, true));
process.on("unhandledRejection", (error, promise) => current?.pending.set(promise, error));
process.on("rejectionHandled", (promise) => current?.pending.delete(promise));

addEventHandler(async ({ name, error, test, describeBlock }) => {
  if (current === undefined) return;
  if (name === "test_fn_failure" || name === "hook_failure") fail(error);
  if (name === "run_describe_start" && !willRun(describeBlock)) describeBlock.mode = "skip";
  if (name === "test_start" && !willRun(test)) test.mode = "skip";
  if (name === "test_started") enter(titleOf(test));
  if (name === "test_done") {
    await checkPending();
    current.durations[current.title] = (current.durations[current.title] ?? 0) + test.duration;
    enter(undefined);
  }
});

/** Attributes the code that runs from now on to this test. Without a title, attributes it to the file. */
function enter(title) {
  current.title = title;
  if (stryker.currentTestId !== undefined) stryker.currentTestId = idOf(current.file, title);
}

function willRun(child) {
  if (current.failure !== undefined) return false;
  return child.type === "test" ? current.runs(titleOf(child)) : child.children.some(willRun);
}

function titleOf({ name, parent }) {
  return parent?.parent === undefined ? name : `${titleOf(parent)} ${name}`;
}

/**
 * Takes the lowest number that no other running process has, so that a restarted process uses the same databases
 * again.
 */
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
