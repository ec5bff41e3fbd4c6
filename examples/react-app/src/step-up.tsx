import type { Result } from "graphql-gatehouse/client/account";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
} from "react";
import { Form, PasswordField } from "./forms.js";
import { useServices } from "./services.js";

type Operation<Data> = () => Promise<Result<Data>>;
type Run = <Data>(operation: Operation<Data>) => Promise<Result<Data>>;

const Context = createContext<Run>((operation) => operation());

/** Returns a function that runs an operation. If the server needs a recent password, asks for it and runs it again. */
export const useStepUp = (): Run => useContext(Context);

export function StepUp({ children }: { children: ReactNode }) {
  const [resolve, setResolve] = useState<((isConfirmed: boolean) => void) | null>(null);
  const run = useCallback(async <Data,>(operation: Operation<Data>) => {
    const result = await operation();
    if (result.error?.reason !== "reauthentication_required") return result;
    const isConfirmed = await new Promise<boolean>((resolve) => {
      setResolve(() => resolve);
    });
    setResolve(null);
    return isConfirmed ? operation() : result;
  }, []);

  return (
    <Context.Provider value={run}>
      {children}
      {resolve && <PasswordDialog onDone={resolve} />}
    </Context.Provider>
  );
}

function PasswordDialog({ onDone }: { onDone: (isConfirmed: boolean) => void }) {
  const { account } = useServices();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="step-up"
      onClose={() => {
        onDone(false);
      }}
    >
      <h2 id="step-up">Confirm that it is you</h2>
      <p className="muted">This change needs your password again.</p>
      <Form
        action="Confirm"
        fields={{ invalid_credentials: "password" }}
        onSubmit={async (value) => {
          const { error } = await account.reauthenticate(value("password"));
          if (!error) onDone(true);
          return error;
        }}
      >
        <PasswordField />
        <button type="button" className="quiet" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
      </Form>
    </dialog>
  );
}
