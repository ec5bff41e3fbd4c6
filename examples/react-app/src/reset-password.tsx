import { useState } from "react";
import { Card, EmailField, Form, NewPasswordField } from "./forms.js";
import { Link, mailToken } from "./router.js";
import { useServices } from "./services.js";

export function ForgotPassword() {
  const { account } = useServices();
  const [isSent, setIsSent] = useState(false);
  return (
    <Card
      title={isSent ? "Check your mail" : "Forgot your password?"}
      links={<Link href="/">Back to sign in</Link>}
    >
      {isSent ? (
        <p>If the address has an account, a link for a new password is on its way.</p>
      ) : (
        <>
          <p className="muted">We send you a link to set a new one.</p>
          <Form
            action="Send the link"
            onSubmit={async (value) => {
              const { error } = await account.requestPasswordReset(value("email"));
              setIsSent(error === null);
              return error;
            }}
          >
            <EmailField />
          </Form>
        </>
      )}
    </Card>
  );
}

/** The page that the mail of {@link ForgotPassword} opens. */
export function ResetPassword() {
  const { account } = useServices();
  const [isDone, setIsDone] = useState(false);
  if (isDone)
    return (
      <Card title="Your password is changed">
        <p>All your sessions have ended. Sign in with the new password.</p>
        <Link className="primary" href="/">
          Continue
        </Link>
      </Card>
    );
  return (
    <Card
      title="Set a new password"
      links={<Link href="/forgot-password">Request a new link</Link>}
    >
      {mailToken === null ? (
        <p>Open the link in the mail that we sent you, or request a new one.</p>
      ) : (
        <Form
          action="Set password"
          fields={{ password_too_weak: "newPassword" }}
          onSubmit={async (value) => {
            const { error } = await account.resetPassword(mailToken ?? "", value("newPassword"));
            setIsDone(error === null);
            return error;
          }}
        >
          <NewPasswordField label="New password" />
        </Form>
      )}
    </Card>
  );
}
