import { GraphQLError } from "graphql";
import type { Hooks, LoginAttempt } from "../authentication/hooks.js";
import { WrongSettings } from "../config/problems.js";
import { ServiceUnavailable } from "../errors.js";
import type { Client } from "../events.js";
import { withinTime } from "../within-time.js";
import { findMalformedParts, HOOKS } from "./check-feature.js";
import type { Feature, FeatureParts } from "./feature.js";
import type { Route } from "./route.js";

/** The time limit for a hook or `close`, in milliseconds. */
const TIMEOUT = 5_000;
/** Seconds after which clients should retry when a hook took too long. */
const RETRY_AFTER = 5;

/**
 * Returns a copy of the feature that puts the feature's name into its errors, as in "The feature audit failed to start:
 * …". Some errors stay unchanged, such as those of commands, of resolvers and of functions in `api`.
 */
export function withNamedErrors(feature: Feature): Feature {
  const { name, isOn, findProblems, create } = feature;
  const starting = failedToStart(name);
  return overriding(feature, {
    ...(isOn && {
      isOn: (config, areRequiredOn) =>
        attempt(starting, () => {
          const answer: unknown = isOn(config, areRequiredOn);
          if (typeof answer === "boolean") return answer;
          throw new TypeError("isOn must return true or false");
        }),
    }),
    ...(findProblems && {
      findProblems: (config) => attempt(starting, () => findProblems(config)),
    }),
    create: async (core, config, apiOf) => {
      const parts = await attemptAsync(starting, () => create(core, config, apiOf));
      const problems = findMalformedParts(name, parts);
      if (problems.length === 0) return withNamedErrorsOfParts(name, parts);
      throw new WrongSettings(problems.map((message) => ({ option: "features", message })));
    },
  });
}

function withNamedErrorsOfParts(name: string, parts: FeatureParts): FeatureParts {
  const { announce, close, hooks, jobs, onEvent, onResponse, prune, routes, transformSchema } =
    parts;
  return overriding(parts, {
    ...(announce && { announce: (url) => attemptAsync(failedToStart(name), () => announce(url)) }),
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
      close: () => attemptAsync(`The feature ${name} failed to close`, () => inTime(close)),
    }),
    ...(hooks && { hooks: withNamedErrorsOfHooks(name, hooks) }),
    ...(onEvent && {
      onEvent: (event, client) =>
        attemptAsync(`The function onEvent of the feature ${name} failed`, () =>
          onEvent(event, client),
        ),
    }),
    ...(onResponse && {
      onResponse: (response) =>
        attemptAsync(`The function onResponse of the feature ${name} failed`, () =>
          onResponse(response),
        ),
    }),
    ...(routes && {
      // `Required` makes the compiler report a property that is missing here.
      routes: routes.map(
        ({ method, path, isLogged = true, refusalBody, handle }): Required<Route> => ({
          method,
          path,
          isLogged,
          refusalBody,
          handle: (request, client) =>
            attemptRequest(`The route ${method} ${path} of the feature ${name} failed`, () =>
              handle(request, client),
            ),
        }),
      ),
    }),
    ...(jobs && {
      jobs: jobs.map((job) => ({
        // The prefix makes the job's name unique. Errors of the job contain this name.
        name: `${name}:${job.name}`,
        interval: job.interval,
        run: () => job.run(),
      })),
    }),
  });
}

/**
 * Adds the feature's name to the hooks' errors. Also limits the time of each hook, because operations wait for hooks.
 */
function withNamedErrorsOfHooks(feature: string, hooks: Hooks): Hooks {
  return Object.fromEntries(
    HOOKS.filter((name) => hooks[name] !== undefined).map((name) => {
      const hook = `The hook ${name} of the feature ${feature}`;
      const run = (user: never, client: Client, attempt: LoginAttempt) =>
        withinTime(
          attemptRequest(`${hook} failed`, () => hooks[name]?.(user, client, attempt)),
          TIMEOUT,
          () => {
            const cause = new Error(`${hook} took longer than ${TIMEOUT / 1000} seconds`);
            throw name.startsWith("before") ? new ServiceUnavailable(RETRY_AFTER, cause) : cause;
          },
        );
      return [name, run];
    }),
  );
}

/** Works like `{ ...original, ...changes }`, but also keeps the methods of a class. */
function overriding<T extends object>(original: T, changes: Partial<T>): T {
  return Object.create(original, Object.getOwnPropertyDescriptors(changes)) as T;
}

export function failedToStart(feature: string): string {
  return `The feature ${feature} failed to start`;
}

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

/** Throws a `GraphQLError` of `run` unchanged, because the client sees its message. */
async function attemptRequest<Result>(
  failure: string,
  run: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    throw cause instanceof GraphQLError ? cause : nameError(failure, cause);
  }
}

function nameError(failure: string, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${failure}: ${message}`, { cause });
}

/** Rejects if `close` takes too long, so that the caller can go on and close the database. */
function inTime(close: () => Promise<void>): Promise<void> {
  return withinTime(close(), TIMEOUT, () => {
    throw new Error(`it took longer than ${TIMEOUT / 1000} seconds`);
  });
}
