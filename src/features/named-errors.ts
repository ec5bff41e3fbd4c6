import { GraphQLError } from "graphql";
import type { Hooks } from "../authentication/hooks.js";
import { WrongSettings } from "../config/problems.js";
import { ServiceUnavailable } from "../errors.js";
import type { Client } from "../events.js";
import { withinTime } from "../within-time.js";
import { findMalformedParts, HOOKS } from "./check-feature.js";
import type { Feature, FeatureParts, Route } from "./feature.js";

/** The time limit for a hook, and for closing a feature, in milliseconds. */
const TIMEOUT = 5_000;
/** Seconds after which a client should retry an operation whose hook took too long. */
const RETRY_AFTER = 5;

/**
 * Returns a copy of the feature. If a function of the copy or of its parts throws, the error's message names the
 * feature. These errors stay unchanged: the errors of commands, of resolvers and of functions in `api`, and every
 * `GraphQLError` that refuses a request (see {@link attemptRequest}).
 */
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
    create: async (core, config, apiOf) => {
      const parts = await attemptAsync(starting, () => create(core, config, apiOf));
      const problems = findMalformedParts(name, parts);
      if (problems.length === 0) return withNamedErrorsOfParts(name, parts);
      throw new WrongSettings(problems.map((message) => ({ option: "features", message })));
    },
  });
}

function withNamedErrorsOfParts(name: string, parts: FeatureParts): FeatureParts {
  const { announce, close, hooks, jobs, onEvent, prune, routes, transformSchema } = parts;
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
      close: () => attemptAsync(`The feature ${name} failed to close`, () => inTime(close)),
    }),
    ...(hooks && { hooks: withNamedErrorsOfHooks(name, hooks) }),
    ...(onEvent && {
      onEvent: (event, client) =>
        attemptAsync(`The function onEvent of the feature ${name} failed`, () =>
          onEvent(event, client),
        ),
    }),
    ...(routes && {
      // `Required` makes the compiler notice a property that is not passed on.
      routes: routes.map(({ method, path, isLogged = true, handle }): Required<Route> => ({
        method,
        path,
        isLogged,
        handle: (request, client) =>
          attemptRequest(`The route ${method} ${path} of the feature ${name} failed`, () =>
            handle(request, client),
          ),
      })),
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

/**
 * Puts the feature's name in the errors of hooks. Also limits the time of each hook, because an operation waits for it,
 * and an application's code may hang.
 */
function withNamedErrorsOfHooks(feature: string, hooks: Hooks): Hooks {
  return Object.fromEntries(
    HOOKS.filter((name) => hooks[name] !== undefined).map((name) => {
      const hook = `The hook ${name} of the feature ${feature}`;
      const run = (user: never, client: Client) =>
        withinTime(
          attemptRequest(`${hook} failed`, () => hooks[name]?.(user, client)),
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

/**
 * Returns an object that has the changes and inherits everything else from the original. A spread would lose the
 * methods of an original that is an instance of a class.
 */
function overriding<T extends object>(original: T, changes: Partial<T>): T {
  return Object.create(original, Object.getOwnPropertyDescriptors(changes)) as T;
}

/** Returns the first words of the error message for a feature that failed to start. */
export function failedToStart(feature: string): string {
  return `The feature ${feature} failed to start`;
}

/** Returns the result of `run`. If `run` throws, throws an error that has `failure` before the original message. */
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

/**
 * Like {@link attempt}, for code that runs during a request. A `GraphQLError` is a refusal: it stays unchanged, because
 * the client gets its message.
 */
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

/** Calls `close`. Rejects when it takes too long, so that the other features and the database can still be closed. */
function inTime(close: () => Promise<void>): Promise<void> {
  return withinTime(close(), TIMEOUT, () => {
    throw new Error(`it took longer than ${TIMEOUT / 1000} seconds`);
  });
}
