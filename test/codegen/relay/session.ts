import { graphql } from "relay-runtime";
import type { sessionLoginMutation } from "../../generated/relay/sessionLoginMutation.graphql";
import type { session_user$data } from "../../generated/relay/session_user.graphql";

export const USER = graphql`
  fragment session_user on User {
    id
    username
    createdAt
    profile {
      role
    }
  }
`;

export const LOGIN = graphql`
  mutation sessionLoginMutation($username: String!, $password: String!, $scheme: AuthScheme!) {
    login(username: $username, password: $password, scheme: $scheme) {
      access
      refresh
      expiresAt
      user {
        ...session_user
      }
    }
  }
`;

export const REFRESH = graphql`
  mutation sessionRefreshMutation($refresh: String!) {
    refreshToken(refresh: $refresh) {
      access
      refresh
      expiresAt
    }
  }
`;

export const LOGOUT = graphql`
  mutation sessionLogoutMutation($refresh: String) {
    logout(refresh: $refresh) {
      message
      sessionsEnded
    }
  }
`;

export const ME = graphql`
  query sessionMeQuery {
    me {
      ...session_user
    }
  }
`;

declare const user: session_user$data;
user.createdAt satisfies string;
user.profile.role satisfies "USER" | "ADMIN" | "%future added value";
// @ts-expect-error A user has no name.
export const { name } = user;

export const variables: sessionLoginMutation["variables"] = {
  username: "ada",
  password: "secret",
  // @ts-expect-error There is no such scheme.
  scheme: "COOKIE",
};
