import type { Passkey } from "graphql-gatehouse/client/account";
import { useRef, useState } from "react";
import { Field, Form } from "./forms.js";
import { messageOf, Problem } from "./problem.js";
import { RecoveryCodes } from "./recovery-codes.js";
import { RelativeTime } from "./relative-time.js";
import { useServices } from "./services.js";
import { useResult } from "./use-result.js";

/** The part of the security page about passkeys. Empty if the server has none. */
export function PasskeySettings() {
  const { passkeys, notify } = useServices();
  const heading = useRef<HTMLHeadingElement>(null);
  const { data: own, failure, reload } = useResult(passkeys.list);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  /** The id of the passkey whose name the user changes. */
  const [renamed, setRenamed] = useState<string | null>(null);

  function stopRenaming() {
    setRenamed(null);
    heading.current?.focus();
  }

  async function remove({ id, label }: Passkey) {
    const { error } = await passkeys.remove(id);
    notify(error ? messageOf(error) : `${label} is removed.`);
    reload();
    heading.current?.focus();
  }

  if (failure?.reason === "graphql_validation_failed") return null;
  return (
    <section aria-labelledby="passkeys">
      <h2 id="passkeys" ref={heading} tabIndex={-1}>
        Passkeys
      </h2>
      {failure && <Problem failure={failure} />}
      {own?.length === 0 && (
        <p className="empty">
          With a passkey you sign in by your fingerprint, your face or a PIN, without a password.
        </p>
      )}
      {own && own.length > 0 && (
        <ul className="rows" aria-label="Your passkeys">
          {own.map((passkey) => (
            <li key={passkey.id}>
              <div>
                <strong id={passkey.id}>{passkey.label}</strong>
                <p className="muted">
                  added <RelativeTime instant={passkey.createdAt} /> · last used{" "}
                  <RelativeTime instant={passkey.lastUsedAt} />
                </p>
              </div>
              {renamed === passkey.id ? (
                <Renaming
                  passkey={passkey}
                  onRenamed={(label) => {
                    notify(`${passkey.label} is now ${label}.`);
                    stopRenaming();
                    reload();
                  }}
                  onCancel={stopRenaming}
                />
              ) : (
                <div className="actions">
                  <button
                    className="quiet"
                    aria-describedby={passkey.id}
                    onClick={() => {
                      setRenamed(passkey.id);
                    }}
                  >
                    Rename
                  </button>
                  <button
                    className="quiet"
                    aria-describedby={passkey.id}
                    onClick={() => void remove(passkey)}
                  >
                    Remove
                  </button>
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {codes && (
        <RecoveryCodes
          codes={codes}
          onStored={() => {
            setCodes(null);
          }}
        />
      )}
      {passkeys.isSupported() ? (
        <Form
          className="inline"
          action="Add a passkey"
          onSubmit={async (value) => {
            const { data, error } = await passkeys.add(value("passkeyLabel"));
            if (data) {
              setCodes(data.recoveryCodes);
              notify(`${data.passkey.label} is added.`);
              reload();
            }
            return error;
          }}
        >
          <Field
            name="passkeyLabel"
            label="Name of this device"
            autoComplete="off"
            maxLength={64}
          />
        </Form>
      ) : (
        <p className="muted">This browser cannot use passkeys.</p>
      )}
    </section>
  );
}

/** A form for another name of a passkey. */
function Renaming({
  passkey: { id, label },
  onRenamed,
  onCancel,
}: {
  passkey: Passkey;
  onRenamed: (label: string) => void;
  onCancel: () => void;
}) {
  const { passkeys } = useServices();
  return (
    <Form
      className="inline"
      action="Save"
      onSubmit={async (value) => {
        const { error } = await passkeys.rename(id, value("newLabel"));
        if (!error) onRenamed(value("newLabel"));
        return error;
      }}
    >
      <Field
        name="newLabel"
        label="New name"
        autoComplete="off"
        maxLength={64}
        defaultValue={label}
        autoFocus
      />
      <button type="button" className="quiet" onClick={onCancel}>
        Cancel
      </button>
    </Form>
  );
}
