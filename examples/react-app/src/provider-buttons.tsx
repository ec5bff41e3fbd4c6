import type { Failure } from "graphql-gatehouse/client";
import type { ExternalLogins } from "graphql-gatehouse/client/account";
import { useState } from "react";
import { Problem } from "./problem.js";
import { useServices } from "./services.js";
import { useResult } from "./use-result.js";

const NAMES: Readonly<Record<string, string>> = { github: "GitHub", google: "Google" };

export const nameOfProvider = (provider: string): string => NAMES[provider] ?? provider;

/** The page to which the providers send the browser back. */
const RETURN_PAGE = "/signed-in";

/** A button for each provider of the server, which sends the browser to the provider. */
export function ProviderButtons({
  action,
  send,
}: {
  /** The text of the buttons, before the name of the provider. */
  action: string;
  send: ExternalLogins["begin"];
}) {
  const { externalLogins } = useServices();
  // A server without providers lacks the field.
  const { data: providers } = useResult(externalLogins.providers);
  const [failure, setFailure] = useState<Failure | null>(null);
  return (
    <>
      {providers?.map((provider) => (
        <button
          key={provider}
          type="button"
          className="quiet"
          onClick={() => {
            setFailure(null);
            void send(provider, RETURN_PAGE).then(({ error }) => {
              setFailure(error);
            });
          }}
        >
          {action} {nameOfProvider(provider)}
        </button>
      ))}
      {failure && <Problem failure={failure} />}
    </>
  );
}
