import type { LinkedAccount } from "graphql-gatehouse/client/account";
import { useRef } from "react";
import { messageOf, Problem } from "./problem.js";
import { nameOfProvider, ProviderButtons } from "./provider-buttons.js";
import { RelativeTime } from "./relative-time.js";
import { useServices } from "./services.js";
import { useResult } from "./use-result.js";

/** The accounts at other providers by which the user can sign in. Empty if the server has no providers. */
export function LinkedAccounts() {
  const { externalLogins, connection, notify } = useServices();
  const heading = useRef<HTMLHeadingElement>(null);
  const { data: accounts, failure, reload } = useResult(externalLogins.linkedAccounts);

  async function unlink({ id, provider }: LinkedAccount) {
    const { error } = await externalLogins.unlink(id);
    const unlinked = `Your account at ${nameOfProvider(provider)} is unlinked.`;
    notify(error ? messageOf(error) : unlinked);
    reload();
    heading.current?.focus();
  }

  if (failure?.reason === "graphql_validation_failed") return null;
  return (
    <section aria-labelledby="linked-accounts">
      <h2 id="linked-accounts" ref={heading} tabIndex={-1}>
        Linked accounts
      </h2>
      {failure && <Problem failure={failure} />}
      {accounts?.length === 0 && <p className="empty">You have linked no account.</p>}
      {accounts && accounts.length > 0 && (
        <ul className="rows" aria-label="Your linked accounts">
          {accounts.map((account) => (
            <li key={account.id}>
              <div>
                <strong id={account.id}>{nameOfProvider(account.provider)}</strong>
                <p className="muted">
                  {account.name ?? "No name"} · linked <RelativeTime instant={account.linkedAt} /> ·
                  last used <RelativeTime instant={account.lastUsedAt} />
                </p>
              </div>
              <button
                className="quiet"
                aria-describedby={account.id}
                onClick={() => void unlink(account)}
              >
                Unlink
              </button>
            </li>
          ))}
        </ul>
      )}
      {connection.storage === "memory" ? (
        <p className="muted">
          To link an account, sign in with a session that is not stored in memory. The way to the
          provider and back ends such a session.
        </p>
      ) : (
        <div className="actions">
          <ProviderButtons action="Link" send={externalLogins.link} />
        </div>
      )}
    </section>
  );
}
