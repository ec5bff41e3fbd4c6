/* global React, ReactDOM, GraphiQL */

const bearer = JSON.stringify({ Authorization: "Bearer <paste access here>" }, null, 2);

const defaultTabs = [
  {
    query: `# 1. Log in. The server printed the first admin's password when it started.
mutation LogIn($username: String!, $password: String!) {
  login(username: $username, password: $password) {
    tokenType
    access
    refresh
    expiresAt
    user { username profile { role } }
  }
}`,
    variables: JSON.stringify({ username: "admin", password: "" }, null, 2),
  },
  {
    query: `# 2. Who am I? Paste the access token into the Headers editor below.
query Me {
  me { id username email profile { role } lastLoginAt }
}`,
    headers: bearer,
  },
  {
    query: `# 3. Trade the refresh token for the next pair. It is good for one use.
mutation Refresh($refresh: String!) {
  refreshToken(refresh: $refresh) { access refresh expiresAt }
}`,
    variables: JSON.stringify({ refresh: "" }, null, 2),
  },
  {
    query: `# 4. Log out: by the header, or by the refresh token alone.
mutation LogOut($refresh: String) {
  logout(refresh: $refresh) { message sessionsEnded }
}`,
    variables: JSON.stringify({ refresh: null }, null, 2),
    headers: bearer,
  },
];

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql" }),
    defaultTabs,
    // GraphiQL does not take these from the first tab.
    variables: defaultTabs[0].variables,
    defaultEditorToolsVisibility: "variables",
  }),
);
