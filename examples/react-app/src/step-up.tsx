import type { Failure } from "graphql-gatehouse/client";
import { createStepUp, type StepUp as Client } from "graphql-gatehouse/client/account";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
} from "react";
import { answerOf, CodeField } from "./code-field.js";
import { Form, PasswordField } from "./forms.js";
import { Problem } from "./problem.js";
import { useServices } from "./services.js";

const Context = createContext<Client["run"]>((operation) => operation());

/**
 * Returns a function that runs an operation of this page. If the server needs another proof of the user, the returned
 * function asks for the proof and runs the operation again. The methods of the clients in {@link useServices} already
 * do this.
 */
export const useStepUp = (): Client["run"] => useContext(Context);

interface Question {
  readonly failure: Failure;
  /** The second factors of the user. */
  readonly factors: readonly string[];
  readonly answer: (isProven: boolean) => void;
}

export function StepUp({ children }: { children: ReactNode }) {
  const { auth, secondFactor } = useServices();
  const client = useRef<Client | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  useEffect(() => {
    client.current = createStepUp(auth, async (failure) => {
      const factors = (await secondFactor.state()).data?.factors ?? [];
      const isProven = await new Promise<boolean>((answer) => {
        setQuestion({ failure, factors, answer });
      });
      setQuestion(null);
      return isProven;
    });
    return client.current.close;
  }, [auth, secondFactor]);
  const run: Client["run"] = useCallback(
    (operation) => client.current?.run(operation) ?? operation(),
    [],
  );
  return (
    <Context.Provider value={run}>
      {children}
      {question && <ProofDialog {...question} />}
    </Context.Provider>
  );
}

type Kind = "password" | "totp" | "recoveryCode";

const TEXTS: Readonly<Record<Kind, string>> = {
  password: "This change needs your password again.",
  totp: "This change needs a code of your app.",
  recoveryCode: "This change needs one of your recovery codes. Each works once.",
};

const BUTTONS: Readonly<Record<Kind, string>> = {
  password: "Use your password",
  totp: "Use your app",
  recoveryCode: "Use a recovery code",
};

function ProofDialog({ failure, factors, answer }: Question) {
  const { account, passkeys } = useServices();
  const dialog = useRef<HTMLDialogElement>(null);
  const needsFactor = failure.acrValues !== undefined;
  const kinds: Kind[] = needsFactor ? [] : ["password"];
  for (const factor of ["totp", "recoveryCode"] as const)
    if (factors.includes(factor)) kinds.push(factor);
  // Begin with a code, because it is enough wherever a password is enough. Fields that need both refuse a password
  // alone.
  const [kind, setKind] = useState<Kind>(kinds.includes("totp") ? "totp" : (kinds[0] ?? "totp"));
  const [refusal, setRefusal] = useState<Failure | null>(null);

  async function usePasskey() {
    const { data, error: aborted } = await passkeys.prove();
    const { error } = data ? await account.reauthenticate({ passkey: data }) : { error: aborted };
    setRefusal(error);
    if (!error) answer(true);
  }

  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="step-up"
      onClose={() => {
        answer(false);
      }}
    >
      <h2 id="step-up">Confirm that it is you</h2>
      <p className="muted" role="status">
        {TEXTS[kind]}
      </p>
      {refusal && <Problem failure={refusal} />}
      <Form
        action="Confirm"
        fields={{ invalid_credentials: "password", code_not_valid: "code" }}
        onSubmit={async (value) => {
          const proof = kind === "password" ? value("password") : answerOf(kind, value("code"));
          const { error } = await account.reauthenticate(proof);
          if (!error) answer(true);
          return error;
        }}
      >
        {kind === "password" ? <PasswordField /> : <CodeField kind={kind} />}
        <button type="button" className="quiet" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        {factors.includes("passkey") && passkeys.isSupported() && (
          <button type="button" className="quiet" onClick={() => void usePasskey()}>
            Use a passkey
          </button>
        )}
        {kinds
          .filter((other) => other !== kind)
          .map((other) => (
            <button
              key={other}
              type="button"
              className="quiet"
              onClick={() => {
                setKind(other);
              }}
            >
              {BUTTONS[other]}
            </button>
          ))}
      </Form>
    </dialog>
  );
}
