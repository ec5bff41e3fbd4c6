import TestRunner from "jest-runner";

/** The test files that failed, the last one first. The next mutant is likely to be found by the same file. */
let finders = [];

/** Runs the test files in turn and stops after the first failure: one failure kills a mutant. */
export default class UntilFailure extends TestRunner {
  async runTests(tests, watcher, options) {
    let hasFailed = false;
    this.on("test-file-success", ([test, result]) => {
      if (result.numFailingTests > 0) fail(test);
    });
    this.on("test-file-failure", ([test]) => fail(test));
    const fail = ({ path }) => {
      hasFailed = true;
      finders = [path, ...finders.filter((finder) => finder !== path)];
    };
    for (const test of tests.toSorted((a, b) => rank(a) - rank(b) || (a.duration ?? 0) - (b.duration ?? 0))) {
      if (hasFailed) return;
      await super.runTests([test], watcher, options);
    }
  }
}

const rank = ({ path }) => (finders.includes(path) ? finders.indexOf(path) : finders.length);
