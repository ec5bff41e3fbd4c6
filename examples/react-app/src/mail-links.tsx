import type { Failure } from "graphql-gatehouse/client";
import { type ReactNode, useState } from "react";
import { Card, EmailField, Form } from "./forms.js";
import { Link, mailToken } from "./router.js";
import { useServices } from "./services.js";

/**
 * The page behind the link in the mail of a registration. It verifies only after a click, because the scanners of mail
 * programs open links, too.
 */
export function VerifyEmail() {
  const { account } = useServices();
  return (
    <Confirm
      title="Confirm your e-mail address"
      done="Your e-mail address is confirmed"
      send={async (token) => (await account.verifyEmail(token)).error}
      again={<ResendVerification />}
    />
  );
}

/** The page that the mail to a new address opens. */
export function ConfirmEmail() {
  const { account } = useServices();
  return (
    <Confirm
      title="Confirm your new e-mail address"
      done="Your e-mail address is changed"
      send={async (token) => (await account.confirmEmailChange(token)).error}
      again={<Link href="/">Change the address again on your profile</Link>}
    />
  );
}

function Confirm({
  title,
  done,
  send,
  again,
}: {
  title: string;
  done: string;
  send: (token: string) => Promise<Failure | null>;
  /** Shown if the link does not work. */
  again: ReactNode;
}) {
  const [outcome, setOutcome] = useState<"asking" | "failed" | "done">("asking");
  if (outcome === "done")
    return (
      <Card title={done}>
        <p>You can close this page, or go on.</p>
        <Link className="primary" href="/">
          Continue
        </Link>
      </Card>
    );
  return (
    <Card title={title}>
      {mailToken === null ? (
        <p>Open the link in the mail that we sent you. Did no mail come, or is it too old?</p>
      ) : (
        <Form
          action="Confirm address"
          onSubmit={async () => {
            const failure = await send(mailToken ?? "");
            setOutcome(failure ? "failed" : "done");
            return failure;
          }}
        />
      )}
      {(mailToken === null || outcome === "failed") && again}
    </Card>
  );
}

/** Asks for the address, and sends another mail. */
function ResendVerification() {
  const { account } = useServices();
  const [isSent, setIsSent] = useState(false);
  if (isSent)
    return <p role="status">If the address needs to be confirmed, a new mail is on its way.</p>;
  return (
    <Form
      action="Send a new mail"
      onSubmit={async (value) => {
        const { error } = await account.resendVerification(value("email"));
        setIsSent(error === null);
        return error;
      }}
    >
      <EmailField />
    </Form>
  );
}
