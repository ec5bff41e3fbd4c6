import { parseAuthorization } from "../../authentication/authorization-header.js";
import { NoCredentials } from "../../authentication/errors.js";
import { reportExpired } from "../../authentication/report-expired.js";
import type { Roles } from "../../accounts/role.js";
import type { Client } from "../../events.js";
import { EnrolmentRequired } from "../../permissions/errors.js";
import { actorClaim } from "../../tokens/claims.js";
import type { CoreServices } from "../feature.js";
import { rolesUpTo } from "./introspection.js";

/**
 * Returns the user of the token in the `Authorization` header. A proxy can check each of its requests here: the status
 * of the response says whether the token works. The response headers have the names that oauth2-proxy uses.
 * @throws {@link Unauthenticated} with the reason
 * @throws {@link EnrolmentRequired} when the user must add a second factor first
 * @see OpenID Connect Core 5.3
 */
export async function userInfo(
  { authentication, onEvent }: Pick<CoreServices, "authentication" | "onEvent">,
  names: Roles,
  request: Request,
  client: Client,
): Promise<Response> {
  const authorization = request.headers.get("authorization");
  const credential = parseAuthorization(authorization === null ? [] : [authorization]);
  if (credential === null) throw new NoCredentials();
  try {
    const user = await authentication.loadUser(credential);
    if (user.mustEnrol) throw new EnrolmentRequired();
    const { id, username, email, role, session } = user;
    const roles = rolesUpTo(role, names);
    const body = {
      sub: id,
      preferred_username: username,
      email: email ?? undefined,
      role,
      roles,
      ...actorClaim(session.impersonatorId),
    };
    const headers = {
      "cache-control": "no-store",
      "x-auth-request-user": id,
      "x-auth-request-groups": roles.join(","),
    };
    return Response.json(body, { headers });
  } catch (error) {
    reportExpired(error, client, onEvent);
    throw error;
  }
}
