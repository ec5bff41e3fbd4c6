// Prints one line with the totals of the tests. A file that could not run counts as a failed test.
export default class Totals {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const tail = skipped > 0 ? `, ${skipped} skipped` : "";
    console.log(`${results.numPassedTests} passed, ${failed} failed${tail}`);
  }
}
