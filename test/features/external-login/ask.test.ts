import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { beginToAsk } from "../../../src/features/external-login/ask.js";

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

const after = (milliseconds: number) =>
  new Promise<string>((resolve) => setTimeout(resolve, milliseconds, "answer"));

test("EX-5: all answers of the provider in one operation together have less time than the operation", async () => {
  const ask = beginToAsk();
  const first = ask(after(5000));
  await jest.advanceTimersByTimeAsync(5000);
  expect(await first).toBe("answer");
  const second = expect(ask(after(5000))).rejects.toMatchObject({ detail: "ETIMEDOUT" });
  await jest.advanceTimersByTimeAsync(3000);
  await second;
});
