import type { Challenge, Failure } from "graphql-gatehouse/client";
import { useAuth } from "graphql-gatehouse/react";
import { useState } from "react";
import { answerOf, CodeField, type CodeKind } from "./code-field.js";
import { Card, Form } from "./forms.js";
import { Problem } from "./problem.js";
import { redirect } from "./router.js";
import { useServices } from "./services.js";

/**
 * The paths of pages that only log in. After the login, or if the login must start again, the start page replaces such
 * a page.
 */
const LOGIN_PAGES = ["/login-code", "/signed-in"];

const leaveLoginPage = () => {
  if (LOGIN_PAGES.includes(location.pathname)) redirect("/");
};

/** Asks for the second factor of a login, whatever its first step was. */
export function SecondStep({ challenge }: { challenge: Challenge }) {
  const { completeLogin, cancelLogin } = useAuth();
  const { passkeys } = useServices();
  const [failure, setFailure] = useState<Failure | null>(null);
  const hasApp = challenge.factors.includes("totp");
  const [kind, setKind] = useState<CodeKind>(hasApp ? "totp" : "recoveryCode");
  const other = kind === "totp" ? "recoveryCode" : "totp";

  async function usePasskey() {
    setFailure(null);
    const { data, error: aborted } = await passkeys.prove(challenge);
    if (aborted) {
      setFailure(aborted);
      return;
    }
    const { error } = await completeLogin({ passkey: data });
    if (error?.challenge) setFailure(error);
    else leaveLoginPage();
  }

  return (
    <Card title="Second step">
      {challenge.factors.includes("passkey") && passkeys.isSupported() && (
        <button type="button" className="quiet" onClick={() => void usePasskey()}>
          Use a passkey
        </button>
      )}
      {failure && <Problem failure={failure} />}
      <Form
        action="Sign in"
        busyAction="Signing in…"
        fields={{ code_not_valid: "code" }}
        onSubmit={async (value) => {
          const { error } = await completeLogin(answerOf(kind, value("code")));
          if (!error?.challenge) leaveLoginPage();
          return error;
        }}
      >
        <CodeField
          kind={kind}
          hint={
            kind === "totp"
              ? "The six digits that your app shows now."
              : "One of the codes that you stored. Each works once."
          }
        />
      </Form>
      {challenge.factors.includes(other) && (
        <button
          type="button"
          className="quiet"
          onClick={() => {
            setKind(other);
          }}
        >
          {other === "totp" ? "Use your app" : "Use a recovery code"}
        </button>
      )}
      <button
        type="button"
        className="quiet"
        onClick={() => {
          cancelLogin();
          leaveLoginPage();
        }}
      >
        Cancel
      </button>
    </Card>
  );
}
