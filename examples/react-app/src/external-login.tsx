import type { CompletedExternalLogin, Result } from "graphql-gatehouse/client/account";
import { useEffect, useState } from "react";
import { Card } from "./forms.js";
import { Problem } from "./problem.js";
import { Link, redirect } from "./router.js";
import { useServices } from "./services.js";

type Completion = Result<CompletedExternalLogin>;

/**
 * The completion of the login. It is kept outside React, because React may mount the page twice: in StrictMode, and
 * when the user changes.
 */
let completion: Promise<Completion> | undefined;

/** The page to which a provider sends the browser back. */
export function ExternalLogin() {
  const { externalLogins } = useServices();
  const [result, setResult] = useState<Completion | null>(null);
  useEffect(() => {
    completion ??= externalLogins.complete();
    void completion.then((completed) => {
      if (completed.data?.isLink === false) redirect("/");
      else setResult(completed);
    });
  }, [externalLogins]);
  if (result?.data)
    return (
      <Card title="Your account is linked">
        <p role="status">From now on you can sign in by it, too.</p>
        <Link className="primary" href="/security">
          Continue
        </Link>
      </Card>
    );
  if (result?.error)
    return (
      <Card title="That did not work" links={<Link href="/">Start again</Link>}>
        <Problem failure={result.error} />
      </Card>
    );
  return (
    <p className="muted" role="status">
      One moment…
    </p>
  );
}
