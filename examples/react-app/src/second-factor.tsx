import type { NewTotp, SecondFactorState } from "graphql-gatehouse/client/account";
import { useState } from "react";
import { CodeField } from "./code-field.js";
import { Confirmation } from "./confirmation.js";
import { Card, Form } from "./forms.js";
import { messageOf, Problem } from "./problem.js";
import { RecoveryCodes } from "./recovery-codes.js";
import { Link, redirect } from "./router.js";
import { useServices } from "./services.js";
import { useResult } from "./use-result.js";

const SETTINGS = "/security";

/** The part of the security page about second factors. Empty if the server has none. */
export function SecondFactorSettings() {
  const { secondFactor } = useServices();
  const { data: state, failure, reload } = useResult(secondFactor.state);
  if (failure?.reason === "graphql_validation_failed") return null;
  return (
    <section className="panel" aria-labelledby="second-factor">
      <h2 id="second-factor">Second factor</h2>
      {failure && <Problem failure={failure} />}
      {state &&
        (state.factors.includes("totp") ? (
          <Enrolled state={state} onChange={reload} />
        ) : (
          <>
            <p className="muted">
              {state.isRequired && "Your account needs one. "}
              An app on your phone shows codes. A thief who knows your password cannot sign in
              without them.
            </p>
            <Link className="primary" href="/second-factor">
              Set up an app
            </Link>
          </>
        ))}
    </section>
  );
}

function Enrolled({ state, onChange }: { state: SecondFactorState; onChange: () => void }) {
  const { secondFactor, notify } = useServices();
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const { recoveryCodesLeft: left } = state;
  if (codes)
    return (
      <RecoveryCodes
        codes={codes}
        onStored={() => {
          setCodes(null);
          onChange();
        }}
      />
    );
  return (
    <>
      <p className="muted">
        Your app is set up. You have {left} recovery {left === 1 ? "code" : "codes"} left.
      </p>
      <div className="actions">
        <Confirmation
          action="Make new recovery codes"
          question="Make new recovery codes?"
          text="The codes that you have stored stop working."
          onConfirm={async () => {
            const { data, error } = await secondFactor.regenerateRecoveryCodes();
            if (error) notify(messageOf(error));
            else setCodes(data.recoveryCodes);
          }}
        />
        <Confirmation
          action="Remove the app"
          question="Remove the app?"
          text="You then sign in without a second step. Your recovery codes stop working, too."
          onConfirm={async () => {
            const { error } = await secondFactor.disableTotp();
            notify(error ? messageOf(error) : "The app is removed.");
            onChange();
          }}
        />
      </div>
    </>
  );
}

/** The page that adds an app: a QR code, then a code of the app, then the recovery codes. */
export function SetUpApp() {
  const { secondFactor } = useServices();
  const [begun, setBegun] = useState<NewTotp | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const [isDone, setIsDone] = useState(false);
  const back = <Link href={SETTINGS}>Back to security</Link>;
  if (codes)
    return (
      <Card title="Store your recovery codes">
        <RecoveryCodes
          codes={codes}
          onStored={() => {
            redirect(SETTINGS);
          }}
        />
      </Card>
    );
  if (isDone)
    return (
      <Card title="The app is set up" links={back}>
        <p role="status">Your earlier recovery codes still work.</p>
      </Card>
    );
  return (
    <Card title="Set up an app" links={back}>
      {begun === null ? (
        <>
          <p>
            Install an authenticator app on your phone, such as the one of your password manager.
            Your other sessions end when the app is set up.
          </p>
          <Form
            action="Show the QR code"
            onSubmit={async () => {
              const { data, error } = await secondFactor.beginTotp();
              setBegun(data);
              return error;
            }}
          />
        </>
      ) : (
        <>
          <p id="scan">Scan this with the app, or type the secret into it.</p>
          <img
            className="qr"
            src={`data:image/svg+xml,${encodeURIComponent(begun.qr)}`}
            alt="QR code with the secret"
          />
          <p className="secret">
            <code aria-label="Secret">{begun.secret}</code>
          </p>
          <Form
            action="Confirm"
            fields={{ code_not_valid: "code" }}
            onSubmit={async (value) => {
              const { data, error } = await secondFactor.confirmTotp(value("code"));
              if (data?.recoveryCodes) setCodes(data.recoveryCodes);
              else setIsDone(data !== null);
              return error;
            }}
          >
            <CodeField kind="totp" hint="The six digits that the app shows now." />
          </Form>
        </>
      )}
    </Card>
  );
}
