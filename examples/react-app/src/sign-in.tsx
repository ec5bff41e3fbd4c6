import { useAuth } from "graphql-gatehouse/react";
import { type FormEvent, useRef, useState } from "react";
import { type Choice, type Connection, isSupported, SCHEMES, STORAGES } from "./connection.js";
import { Problem } from "./problem.js";

export function SignIn({
  connection,
  onConnect,
  onSubmit,
}: {
  connection: Connection;
  onConnect: (connection: Connection) => void;
  onSubmit: () => void;
}) {
  const { login, emailLogin, error } = useAuth();
  const [isByEmail, setIsByEmail] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy) return;
    const form = new FormData(event.currentTarget);
    const name = form.get("name") as string;
    const secret = form.get("password") as string;
    setIsBusy(true);
    onSubmit();
    const { status } = await (isByEmail ? emailLogin(name, secret) : login(name, secret));
    setIsBusy(false);
    if (status === "authenticated") return;
    password.current?.focus();
    password.current?.select();
  }

  return (
    <div className="columns">
      <form className="card" onSubmit={(event) => void submit(event)}>
        <h1>Sign in</h1>
        {error && !isBusy && <Problem failure={error} />}
        <div className="tabs" role="radiogroup" aria-label="Sign in by">
          {["User name", "E-mail"].map((label, index) => (
            <label key={label}>
              <input
                type="radio"
                name="by"
                checked={isByEmail === (index === 1)}
                onChange={() => {
                  setIsByEmail(index === 1);
                }}
              />
              <span>{label}</span>
            </label>
          ))}
        </div>
        <label className="field">
          {isByEmail ? "E-mail address" : "User name"}
          <input
            key={String(isByEmail)}
            name="name"
            type={isByEmail ? "email" : "text"}
            autoComplete={isByEmail ? "email" : "username"}
            autoCapitalize="none"
            spellCheck={false}
            required
          />
        </label>
        <label className="field">
          Password
          <input
            ref={password}
            name="password"
            type="password"
            autoComplete="current-password"
            required
          />
        </label>
        <button className="primary" aria-disabled={isBusy}>
          {isBusy ? "Signing in…" : "Sign in"}
        </button>
      </form>
      <fieldset className="choices" aria-label="Options of the demo" disabled={isBusy}>
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
      </fieldset>
    </div>
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
