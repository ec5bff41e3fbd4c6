import { Field, Int, ObjectType } from "type-graphql";
import type { AuthScheme } from "../events.js";

@ObjectType()
export class LogoutPayload {
  @Field(() => String)
  message!: string;

  @Field(() => Int)
  sessionsEnded!: number;
}

/** Returns the response to a logout. The message has the terms of Django REST framework and simplejwt. */
export function toLogoutPayload(scheme: AuthScheme, hasEnded: boolean): LogoutPayload {
  return {
    message: `Logout successful, token ${scheme === "TOKEN" ? "deleted" : "blacklisted"}`,
    sessionsEnded: hasEnded ? 1 : 0,
  };
}

export function toSessionsEnded(count: number): LogoutPayload {
  const sessions = count === 1 ? "session" : "sessions";
  return { message: `Logout successful, ${count} ${sessions} ended`, sessionsEnded: count };
}
