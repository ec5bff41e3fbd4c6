import { graphql } from "relay-runtime";
import type { allSessions_query$data } from "../../generated/relay/allSessions_query.graphql";

export const QUERY = graphql`
  query allSessionsQuery($where: SessionFilter) {
    ...allSessions_query @arguments(where: $where)
  }
`;

/** Relay's compiler generates `allSessionsPageQuery` from this fragment. That query loads the next page. */
export const PAGE = graphql`
  fragment allSessions_query on Query
  @argumentDefinitions(
    where: { type: "SessionFilter" }
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
  )
  @refetchable(queryName: "allSessionsPageQuery") {
    allSessions(where: $where, first: $first, after: $after)
      @connection(key: "allSessions_allSessions") {
      edges {
        node {
          id
          scheme
          lastUsedAt
        }
        user {
          id
          username
        }
      }
    }
  }
`;

/** Removes the session from the list, by its id. */
export const REVOKE = graphql`
  mutation allSessionsRevokeMutation($id: ID!) {
    revokeSession(id: $id) {
      sessionsEnded
    }
  }
`;

declare const page: allSessions_query$data;
page.allSessions.edges satisfies readonly { node: { lastUsedAt?: string | null | undefined } }[];
