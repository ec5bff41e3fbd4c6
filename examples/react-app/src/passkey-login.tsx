import type { Failure } from "graphql-gatehouse/client";
import { useEffect, useState } from "react";
import { Problem } from "./problem.js";
import { useServices } from "./services.js";

/** Runs another way to log in. Browsers allow only one use of a passkey at a time. */
type RunInstead = <Outcome>(login: () => Promise<Outcome>) => Promise<Outcome>;

/**
 * Offers passkeys in the list of the field for the name, while the form is shown and no other login runs.
 * @returns the failure of the chosen passkey, and the function for other logins
 */
export function usePasskeyAutofill(): { failure: Failure | null; instead: RunInstead } {
  const { passkeys } = useServices();
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isOffering, setIsOffering] = useState(true);
  useEffect(() => {
    if (!isOffering) return undefined;
    const offer = new AbortController();
    void passkeys.autofill(offer.signal).then(({ error }) => {
      if (error && error.reason !== "passkey_aborted") setFailure(error);
    });
    return () => {
      offer.abort();
    };
  }, [passkeys, isOffering]);
  const instead: RunInstead = async (login) => {
    setFailure(null);
    setIsOffering(false);
    const outcome = await login();
    setIsOffering(true);
    return outcome;
  };
  return { failure, instead };
}

/** A button that logs in with a passkey, in a dialog of the browser. */
export function PasskeyButton({ instead }: { instead: RunInstead }) {
  const { passkeys } = useServices();
  const [failure, setFailure] = useState<Failure | null>(null);
  if (!passkeys.isSupported()) return null;
  return (
    <>
      <button
        type="button"
        className="quiet"
        onClick={() => {
          setFailure(null);
          void instead(passkeys.login).then(({ error }) => {
            setFailure(error);
          });
        }}
      >
        Use a passkey
      </button>
      {failure && <Problem failure={failure} />}
    </>
  );
}
