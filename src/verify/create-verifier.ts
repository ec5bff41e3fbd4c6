import { verifyAccessToken } from "./access-token.js";
import { createIntrospect } from "./introspect.js";
import { readKnown, resolveOptions, type VerifierOptions } from "./options.js";
import { JSON_TYPE, noCredentials, Refusal, roleRequired } from "./refusal.js";
import { createRemoteKeys } from "./remote-keys.js";
import { readToken, type RequestLike } from "./request.js";
import type { RequestRequirements, Verifier, VerifiedToken } from "./verifier.js";

/**
 * Creates a verifier of the access tokens of one Gatehouse. Sends no request yet.
 * @throws TypeError that names the wrong option
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const config = resolveOptions(options);
  const keys = createRemoteKeys(config);
  const introspect = createIntrospect(config);

  /**
   * Checks the requirements themselves. Otherwise a misspelt requirement would be ignored, and its check would not run.
   * @throws TypeError when the requirements are wrong
   */
  function checked(requirements?: RequestRequirements): RequestRequirements {
    const given = readKnown(requirements, "", ["role", "isOptional"]);
    if (!("role" in given)) return given;
    // A misspelt variable passes `role: undefined`. Without this error, every role would be accepted.
    if (typeof given.role !== "string") throw new TypeError("role must be a text.");
    if (introspect === null) {
      throw new TypeError(
        "role needs the option introspection, because access tokens have no role.",
      );
    }
    return given;
  }

  async function verify(token: string, requirements?: RequestRequirements): Promise<VerifiedToken> {
    const { role } = checked(requirements);
    const claims = await verifyAccessToken(token, keys, config);
    const introspection = introspect && (await introspect(token, claims));
    if (role !== undefined && introspection?.roles.includes(role) !== true) {
      throw roleRequired(role);
    }
    return { claims, introspection };
  }

  async function fromRequest(request: RequestLike, requirements?: RequestRequirements) {
    const token = readToken(request);
    if (token !== null) return verify(token, requirements);
    if (checked(requirements).isOptional === true) return null;
    throw noCredentials();
  }

  return {
    verify,
    fromRequest: fromRequest as Verifier["fromRequest"],
    express(requirements) {
      const needed = checked(requirements);
      return (request, response, next) => {
        fromRequest(request, needed).then(
          (auth) => {
            Object.assign(request, { auth });
            next();
          },
          (error: unknown) => {
            if (!(error instanceof Refusal)) {
              next(error);
              return;
            }
            response.statusCode = error.status;
            for (const [name, value] of Object.entries({ ...error.headers, ...JSON_TYPE })) {
              response.setHeader(name, value);
            }
            response.end(error.body);
          },
        );
      };
    },
    fastify(requirements) {
      const needed = checked(requirements);
      return async (request, reply) => {
        try {
          Object.assign(request, { auth: await fromRequest(request, needed) });
          return undefined;
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          reply.code(error.status);
          for (const [name, value] of Object.entries({ ...error.headers, ...JSON_TYPE })) {
            reply.header(name, value);
          }
          return reply.send(error.body);
        }
      };
    },
    apolloContext: ((requirements?: RequestRequirements) => {
      const needed = checked(requirements);
      return async (given: RequestLike | { readonly req: RequestLike }) => ({
        auth: await fromRequest("req" in given ? given.req : given, needed),
      });
    }) as Verifier["apolloContext"],
  };
}
