import { initGraphQLTada, type ResultOf, type VariablesOf } from "gql.tada";
import type { introspection } from "../generated/tada";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; JSON: unknown };
}>();

const USER = graphql(`
  fragment User on User @_unmask {
    id
    username
    createdAt
    profile {
      role
    }
  }
`);

export const LOGIN = graphql(
  `
    mutation Login($username: String!, $password: String!, $scheme: AuthScheme!) {
      login(username: $username, password: $password, scheme: $scheme) {
        access
        refresh
        expiresAt
        user {
          ...User
        }
      }
    }
  `,
  [USER],
);

export const REFRESH = graphql(`
  mutation Refresh($refresh: String!) {
    refreshToken(refresh: $refresh) {
      access
      refresh
      expiresAt
    }
  }
`);

export const LOGOUT = graphql(`
  mutation Logout($refresh: String) {
    logout(refresh: $refresh) {
      message
      sessionsEnded
    }
  }
`);

export const ME = graphql(
  `
    query Me {
      me {
        ...User
      }
    }
  `,
  [USER],
);

export const ALL_SESSIONS = graphql(`
  query AllSessions($where: SessionFilter, $after: String) {
    allSessions(where: $where, after: $after) {
      edges {
        cursor
        node {
          id
          scheme
          lastUsedAt
        }
        user {
          username
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

declare const result: ResultOf<typeof ME> & ResultOf<typeof ALL_SESSIONS>;
result.me.createdAt satisfies string;
result.me.profile.role satisfies "USER" | "ADMIN";
result.allSessions.edges satisfies { node: { lastUsedAt: string | null } }[];
// @ts-expect-error A user has no name.
export const { name } = result.me;

export const variables: VariablesOf<typeof LOGIN> = {
  username: "ada",
  password: "secret",
  // @ts-expect-error There is no such scheme.
  scheme: "COOKIE",
};
