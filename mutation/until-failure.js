import TestRunner from "jest-runner";

/** Runs the test files in turn, the shortest first, and stops after the first failure: one failure kills a mutant. */
export default class UntilFailure extends TestRunner {
  async runTests(tests, watcher, options) {
    let hasFailed = false;
    this.on("test-file-success", ([, result]) => {
      hasFailed ||= result.numFailingTests > 0;
    });
    this.on("test-file-failure", () => {
      hasFailed = true;
    });
    const shortestFirst = tests.toSorted((a, b) => (a.duration ?? 0) - (b.duration ?? 0));
    for (const test of shortestFirst) {
      if (hasFailed) return;
      await super.runTests([test], watcher, options);
    }
  }
}
