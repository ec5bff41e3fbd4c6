import { WrongSettings } from "../config/problems.js";
import { findMalformedParts } from "./check-feature.js";
import type { Feature, FeatureParts } from "./feature.js";

/** How long a feature may take to close, in milliseconds. */
const CLOSE_TIMEOUT = 5_000;

/** Returns the feature with its name in the message of each error that its own code throws. */
export function withNamedErrors(feature: Feature): Feature {
  const { name, isOn, findProblems, create } = feature;
  const starting = failedToStart(name);
  return overriding(feature, {
    ...(isOn && {
      isOn: (config) =>
        attempt(starting, () => {
          const answer: unknown = isOn(config);
          if (typeof answer === "boolean") return answer;
          throw new TypeError("isOn must return true or false");
        }),
    }),
    ...(findProblems && {
      findProblems: (config) => attempt(starting, () => findProblems(config)),
    }),
    create: async (core, config) => {
      const parts = await attemptAsync(starting, () => create(core, config));
      const problems = findMalformedParts(name, parts);
      if (problems.length === 0) return withNamedErrorsOfParts(name, parts);
      throw new WrongSettings(problems.map((message) => ({ option: "features", message })));
    },
  });
}

function withNamedErrorsOfParts(name: string, parts: FeatureParts): FeatureParts {
  const { announce, close, jobs, prune, transformSchema } = parts;
  return overriding(parts, {
    ...(announce && { announce: (url) => attempt(failedToStart(name), () => announce(url)) }),
    ...(transformSchema && {
      transformSchema: (schema) => attempt(failedToStart(name), () => transformSchema(schema)),
    }),
    ...(prune && {
      prune: prune.map((rule) => ({
        statement: rule.statement,
        parameters: (now) => rule.parameters(now),
        feature: name,
      })),
    }),
    ...(close && {
      close: () => attemptAsync(`The feature ${name} failed to close`, () => withinTime(close)),
    }),
    ...(jobs && {
      jobs: jobs.map((job) => ({
        // Unique among all jobs. The error of a failed run contains this name.
        name: `${name}:${job.name}`,
        interval: job.interval,
        run: () => job.run(),
      })),
    }),
  });
}

/** Inherits everything else, because the original may be an instance of a class with methods. */
function overriding<T extends object>(original: T, changes: Partial<T>): T {
  return Object.create(original, Object.getOwnPropertyDescriptors(changes)) as T;
}

/** Returns the beginning of the message of an error that stops the start. */
export function failedToStart(feature: string): string {
  return `The feature ${feature} failed to start`;
}

/** Returns the result of `run`. If it throws, `failure` is added before the error's message. */
export function attempt<Result>(failure: string, run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    throw nameError(failure, cause);
  }
}

async function attemptAsync<Result>(
  failure: string,
  run: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    throw nameError(failure, cause);
  }
}

function nameError(failure: string, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${failure}: ${message}`, { cause });
}

/** @throws Error when it takes too long, so that everything after it can still be closed */
async function withinTime(close: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`it took longer than ${CLOSE_TIMEOUT / 1000} seconds`));
    }, CLOSE_TIMEOUT);
  });
  try {
    await Promise.race([close(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
