import type { PendingLoginCode } from "graphql-gatehouse/client/account";
import { useEffect, useState } from "react";
import { Card, EmailField, Field, Form } from "./forms.js";
import { Link, mailToken, redirect } from "./router.js";
import { useServices } from "./services.js";

const BACK = <Link href="/">Back to sign in</Link>;

/** Asks for an address, and then for the digits of the mail. It is also the page behind the link in the mail. */
export function LoginCode() {
  const { loginCodes } = useServices();
  const [hasLink, setHasLink] = useState(mailToken !== null);
  /** Undefined until the client has said whether this browser has asked for a code. */
  const [pending, setPending] = useState<PendingLoginCode | null>();
  useEffect(() => {
    void loginCodes.pending().then(setPending);
  }, [loginCodes]);
  if (pending === undefined) return null;
  const again = () => {
    setHasLink(false);
    setPending(null);
  };
  if (hasLink) return <ByLink email={pending?.email ?? null} onAgain={again} />;
  const isUsable = pending !== null && Date.parse(pending.expiresAt) > Date.now();
  if (isUsable) return <ByDigits email={pending.email} onAgain={again} />;
  return (
    <Card title="Sign in by a code" links={BACK}>
      <p className="muted">We send you a code, so you need no password.</p>
      <Form
        action="Mail me a code"
        onSubmit={async (value) => {
          const { data, error } = await loginCodes.request(value("email"));
          if (data) setPending(data);
          return error;
        }}
      >
        <EmailField />
      </Form>
    </Card>
  );
}

function ByDigits({ email, onAgain }: { email: string; onAgain: () => void }) {
  const { loginCodes } = useServices();
  return (
    <Card title="Check your mail" links={BACK}>
      <Form
        action="Sign in"
        busyAction="Signing in…"
        fields={{ code_not_valid: "code" }}
        onSubmit={async (value) => {
          const { error } = await loginCodes.login(value("code"), email);
          if (!error) redirect("/");
          return error;
        }}
      >
        <Field
          name="code"
          label="Six-digit code"
          hint={`If ${email} has an account, a mail with the code is on its way. You can also open its link in this browser.`}
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="\s*(\d\s*){6}"
          title="six digits"
          // The form with the focus is gone, so move the focus here.
          autoFocus
        />
      </Form>
      <button type="button" className="quiet" onClick={onAgain}>
        Send a new code
      </button>
    </Card>
  );
}

/** Signs in only after a click, because a mail program may open links by itself. */
function ByLink({ email, onAgain }: { email: string | null; onAgain: () => void }) {
  const { loginCodes } = useServices();
  return (
    <Card title="Sign in by the link" links={BACK}>
      {email === null ? (
        <p>
          This browser did not ask for the link. Open the link in the browser that did, or enter the
          six digits of the mail there.
        </p>
      ) : (
        <Form
          action={`Sign in as ${email}`}
          busyAction="Signing in…"
          onSubmit={async () => {
            const { error } = await loginCodes.login(mailToken ?? "");
            if (!error) redirect("/");
            return error;
          }}
        />
      )}
      <button type="button" className="quiet" onClick={onAgain}>
        Send a new code
      </button>
    </Card>
  );
}
