import type { Failure, FailureReason } from "graphql-gatehouse/client";
import type { PasswordPolicy } from "graphql-gatehouse/client/account";
import {
  createContext,
  type FormEvent,
  type InputHTMLAttributes,
  type ReactNode,
  useContext,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { messageOf, PASSWORD_PROBLEMS, Problem } from "./problem.js";
import { useServices } from "./services.js";

/** A form's last failure, and the name of the field that it belongs to. */
const FailureContext = createContext<{ failure: Failure; field: string | undefined } | null>(null);

/** Returns the value of a field. Removes the spaces at both ends of the value, but not of a password. */
type Values = (name: string) => string;

interface FormProps {
  /** The text of the button. */
  action: string;
  busyAction?: string;
  /** Returns the failure, or null after a success. */
  onSubmit: (values: Values) => Promise<Failure | null>;
  /** The field that a failure with this reason belongs to. Other failures are shown above the form. */
  fields?: Readonly<Partial<Record<FailureReason, string>>>;
  /** A failure that the form did not cause itself. */
  failure?: Failure | null;
  className?: string;
  isDangerous?: boolean;
  children?: ReactNode;
}

/** A form that ignores a second click while it sends. Shows a failure beside its field, and moves the focus there. */
export function Form({ action, busyAction, onSubmit, fields = {}, children, ...props }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const [own, setOwn] = useState<Failure | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const failure = isBusy ? null : (own ?? props.failure ?? null);
  const field = failure ? fields[failure.reason] : undefined;

  // Effects run after the render, so the field shows the problem now.
  useEffect(() => {
    if (own) focusProblem(form.current);
  }, [own]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    const element = event.currentTarget;
    const data = new FormData(element);
    setIsBusy(true);
    const failed = await onSubmit((name) => {
      const value = data.get(name);
      const text = typeof value === "string" ? value : "";
      return /password/i.test(name) ? text : text.trim();
    });
    setIsBusy(false);
    setOwn(failed);
    if (failed === null) element.reset();
  }

  return (
    <form
      ref={form}
      className={props.className ?? "form"}
      onSubmit={(event) => void submit(event)}
      aria-busy={isBusy}
    >
      {failure && field === undefined && <Problem failure={failure} />}
      <FailureContext.Provider value={failure && { failure, field }}>
        {children}
      </FailureContext.Provider>
      <button className={props.isDangerous ? "danger" : "primary"} aria-disabled={isBusy}>
        {isBusy ? (busyAction ?? action) : action}
      </button>
    </form>
  );
}

function focusProblem(form: HTMLFormElement | null) {
  const input = form?.querySelector<HTMLInputElement>(
    "[aria-invalid=true], input[autocomplete*=password]",
  );
  input?.focus();
  input?.select();
}

type FieldProps = InputHTMLAttributes<HTMLInputElement> & {
  name: string;
  label: string;
  hint?: string | undefined;
  button?: ReactNode;
};

/** A labelled input with its hint, and with its problem below. */
export function Field({ label, hint, button, ...input }: FieldProps) {
  const id = useId();
  const shown = useContext(FailureContext);
  const failure = shown?.field === input.name ? shown.failure : null;
  const problems =
    failure?.problems?.map((problem) => PASSWORD_PROBLEMS[problem] ?? problem) ??
    (failure ? [messageOf(failure)] : []);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="control">
        <input
          required
          autoCapitalize="none"
          spellCheck={false}
          {...input}
          id={id}
          aria-invalid={failure !== null}
          aria-describedby={`${id}-hint ${id}-problem`}
        />
        {button}
      </div>
      <small id={`${id}-hint`}>{hint}</small>
      <div id={`${id}-problem`} className="field-problem" role="alert">
        {problems.map((problem) => (
          <p key={problem}>{problem}</p>
        ))}
      </div>
    </div>
  );
}

/** A password field with a button that shows the password. */
export function PasswordField({
  name = "password",
  label = "Password",
  ...rest
}: Partial<FieldProps>) {
  const [isShown, setIsShown] = useState(false);
  return (
    <Field
      autoComplete="current-password"
      {...rest}
      {...{ name, label }}
      type={isShown ? "text" : "password"}
      button={
        <button
          type="button"
          className="reveal"
          aria-pressed={isShown}
          onClick={() => {
            setIsShown(!isShown);
          }}
        >
          {isShown ? "Hide" : "Show"}
          <span className="visually-hidden"> password</span>
        </button>
      }
    />
  );
}

/** A new password, with the rules that the server states. */
export function NewPasswordField({ label = "Password" }: { label?: string }) {
  const { account } = useServices();
  const [policy, setPolicy] = useState<PasswordPolicy | null>(null);
  useEffect(() => {
    void account.passwordPolicy().then(({ data }) => {
      setPolicy(data);
    });
  }, [account]);
  const hint = policy ? `At least ${policy.minLength} characters. A few words are best.` : "";
  return <PasswordField name="newPassword" label={label} hint={hint} autoComplete="new-password" />;
}

export function EmailField({
  name = "email",
  label = "E-mail address",
  ...rest
}: Partial<FieldProps>) {
  return <Field type="email" autoComplete="email" {...rest} {...{ name, label }} />;
}

/** A page with one purpose: a heading, a form and links below. */
export function Card({
  title,
  children,
  links,
}: {
  title: string;
  children: ReactNode;
  links?: ReactNode;
}) {
  return (
    <div className="narrow">
      <div className="card">
        <h1>{title}</h1>
        {children}
      </div>
      {links && <p className="links">{links}</p>}
    </div>
  );
}
