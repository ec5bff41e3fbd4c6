import { useAuth } from "graphql-gatehouse/react";
import { type Choice, type Connection, isSupported, SCHEMES, STORAGES } from "./connection.js";
import { Card, Field, Form, PasswordField } from "./forms.js";
import { PasskeyButton, usePasskeyAutofill } from "./passkey-login.js";
import { Problem } from "./problem.js";
import { ProviderButtons } from "./provider-buttons.js";
import { Link } from "./router.js";
import { useServices } from "./services.js";

export interface SignInProps {
  onConnect: (connection: Connection) => void;
  areOptionsOpen: boolean;
  onToggleOptions: (isOpen: boolean) => void;
}

export function SignIn(props: SignInProps) {
  const { login, emailLogin, error } = useAuth();
  const { notify, externalLogins } = useServices();
  const { failure: refusal, instead } = usePasskeyAutofill();
  return (
    <>
      <Card
        title="Sign in"
        links={
          <>
            New here? <Link href="/sign-up">Create an account</Link>
          </>
        }
      >
        {refusal && <Problem failure={refusal} />}
        <Form
          action="Sign in"
          busyAction="Signing in…"
          failure={error}
          onSubmit={async (value) => {
            notify("");
            const [name, password] = [value("identifier"), value("password")];
            // A user name has no @.
            const logIn = name.includes("@") ? emailLogin : login;
            const { status, error } = await instead(() => logIn(name, password));
            return status === "authenticated" ? null : error;
          }}
        >
          <Field
            name="identifier"
            label="User name or e-mail address"
            autoComplete="username webauthn"
          />
          <PasswordField />
        </Form>
        {error?.reason === "email_not_verified" && (
          <Link href="/verify-email">Send the mail again</Link>
        )}
        <Link href="/forgot-password">Forgot your password?</Link>
        <div className="ways" role="group" aria-label="Other ways to sign in">
          <Link className="quiet" href="/login-code">
            Mail me a code
          </Link>
          <PasskeyButton instead={instead} />
          <ProviderButtons action="Continue with" send={externalLogins.begin} />
        </div>
      </Card>
      <Options {...props} />
    </>
  );
}

/** The options for developers. */
function Options({ onConnect, areOptionsOpen, onToggleOptions }: SignInProps) {
  const { connection } = useServices();
  return (
    <details
      className="narrow"
      open={areOptionsOpen}
      onToggle={(event) => {
        onToggleOptions(event.currentTarget.open);
      }}
    >
      <summary>Developer options</summary>
      <Choices
        legend="Sign in with"
        name="scheme"
        choices={SCHEMES}
        value={connection.scheme}
        onChoose={(scheme) => {
          onConnect({ ...connection, scheme });
        }}
      />
      <Choices
        legend="Store the session in"
        name="storage"
        choices={STORAGES.filter(({ value: storage }) => isSupported({ ...connection, storage }))}
        value={connection.storage}
        onChoose={(storage) => {
          onConnect({ ...connection, storage });
        }}
      />
    </details>
  );
}

function Choices<Value extends string>({
  legend,
  name,
  choices,
  value: chosen,
  onChoose,
}: {
  legend: string;
  name: string;
  choices: readonly Choice<Value>[];
  value: Value;
  onChoose: (value: Value) => void;
}) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      {choices.map(({ value, label, hint }) => (
        <label key={value} className="choice">
          <input
            type="radio"
            name={name}
            checked={value === chosen}
            onChange={() => {
              onChoose(value);
            }}
          />
          <span>
            {label} <small>{hint}</small>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
