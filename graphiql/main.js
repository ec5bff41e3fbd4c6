/* global React, ReactDOM, GraphiQL */

const { createElement, useEffect, useState } = React;
const { Button, useEditorContext } = GraphiQL.React;

const defaultTabs = [
  {
    query: `# 1. Log in. The server printed the first admin's password when it first started.
# Then press "Use this login" above, in each tab that should send the token.
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
    query: `# 2. Who am I?
query Me {
  me { id username email profile { role } lastLoginAt }
}`,
  },
  {
    query: `# 3. Exchange the refresh token for a new pair. Each refresh token works once.
mutation Refresh($refresh: String!) {
  refreshToken(refresh: $refresh) { access refresh expiresAt }
}`,
    variables: JSON.stringify({ refresh: "" }, null, 2),
  },
  {
    query: `# 4. Log out, with the header or with the refresh token alone.
mutation LogOut($refresh: String) {
  logout(refresh: $refresh) { message sessionsEnded }
}`,
    variables: JSON.stringify({ refresh: null }, null, 2),
  },
];

/**
 * GraphiQL ignores the variables of the first default tab, so its `variables` prop sets them. The prop overwrites the
 * variables of the open tab, so it is passed on the first visit only.
 */
const isFirstVisit = localStorage.getItem("graphiql:tabState") === null;

const RENEW = `mutation Renew($refresh: String!) {
  refreshToken(refresh: $refresh) { token access refresh expiresAt }
}`;

const fetchGraphql = GraphiQL.createFetcher({
  url: "/graphql",
  // The server accepts its refresh cookie only with this header.
  headers: { "x-gatehouse-csrf": "1" },
  enableIncrementalDelivery: false,
});

/** Returns the credential in the data of a login or a refresh, whatever its alias. Returns null if there is none. */
function findCredential(data) {
  const grant = Object.values(data ?? {}).find((value) => value?.access || value?.token);
  if (!grant) return null;
  const { access, token, refresh, expiresAt } = grant;
  const isStatic = !access && token.startsWith("gth_");
  return {
    authorization: `${isStatic ? "Token" : "Bearer"} ${access ?? token}`,
    // A sliding token is also its own refresh token. An empty string means that the refresh token is in the cookie.
    refresh: isStatic ? null : access ? (refresh ?? "") : token,
    expiresAt: expiresAt ? Date.parse(expiresAt) : Infinity,
  };
}

/** Replaces the `Authorization` header in the text of the header editor, and returns the new text. */
function withAuthorization(text, authorization) {
  const headers = readHeaders(text).filter(([name]) => name.toLowerCase() !== "authorization");
  return JSON.stringify(
    Object.fromEntries([...headers, ["Authorization", authorization]]),
    null,
    2,
  );
}

function readHeaders(text) {
  try {
    return Object.entries(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Renders GraphiQL and the credential of the last login or refresh. */
function Page() {
  const [credential, setCredential] = useState(null);
  const [usedHeader, setUsedHeader] = useState(null);

  const [fetcher] = useState(() => async (request, { headers }) => {
    const result = await fetchGraphql(request, { headers });
    const found = findCredential(result.data);
    if (found) setCredential(found);
    else if (result.errors?.some(({ extensions }) => extensions?.reason === "token_expired")) {
      const sent = Object.values(headers ?? {});
      setCredential((last) =>
        last && sent.includes(last.authorization) ? { ...last, expiresAt: 0 } : last,
      );
    }
    return result;
  });

  return createElement(
    GraphiQL,
    {
      fetcher,
      defaultTabs,
      ...(isFirstVisit && { variables: defaultTabs[0].variables }),
      defaultEditorToolsVisibility: "variables",
      // A tab without headers starts with the credential that was used last.
      ...(usedHeader && { defaultHeaders: withAuthorization("{}", usedHeader) }),
    },
    createElement(
      GraphiQL.Logo,
      null,
      createElement(CredentialBar, { credential, setCredential, onUse: setUsedHeader }),
    ),
  );
}

/** Shows the status of the credential. A button puts the credential into the header editor of the open tab. */
function CredentialBar({ credential, setCredential, onUse }) {
  const { headerEditor } = useEditorContext();
  const [now, setNow] = useState(Date.now());
  const [problem, setProblem] = useState(null);

  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => setProblem(null), [credential]);

  function use({ authorization }) {
    headerEditor.setValue(withAuthorization(headerEditor.getValue(), authorization));
    onUse(authorization);
  }

  async function refresh() {
    try {
      const variables = { refresh: credential.refresh };
      const { data, errors } = await fetchGraphql({ query: RENEW, variables });
      const found = findCredential(data);
      if (!found) throw new Error(errors?.[0]?.message ?? "The response has no token.");
      setCredential(found);
      use(found);
    } catch (error) {
      setProblem(error.message);
    }
  }

  const headers = readHeaders(headerEditor?.getValue());
  const isUsed = headers.some(([, value]) => value === credential?.authorization);
  const isExpired = credential !== null && credential.expiresAt <= now;
  const canRefresh = isExpired && credential.refresh !== null;
  const canUse = credential !== null && !isExpired && !isUsed;

  let status = isUsed ? "Sent with this tab" : "Logged in";
  if (isExpired) status = canRefresh ? "Expired" : "Expired: log in again";
  if (!credential) status = "Not logged in";
  return createElement(
    "div",
    { className: "credential" },
    createElement("span", { role: "status" }, problem ?? status),
    canUse &&
      createElement(Button, { state: "success", onClick: () => use(credential) }, "Use this login"),
    canRefresh && createElement(Button, { state: "error", onClick: refresh }, "Refresh this login"),
  );
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(createElement(Page));
