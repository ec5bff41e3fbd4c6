import { Field } from "./forms.js";

/** How a user can give a second factor by typing. */
export type CodeKind = "totp" | "recoveryCode";

/** A field for a code of an app or a recovery code. Its name is `code`. */
export function CodeField({ kind, hint }: { kind: CodeKind; hint?: string }) {
  if (kind === "recoveryCode")
    return <Field key={kind} name="code" label="Recovery code" hint={hint} autoComplete="off" />;
  return (
    <Field
      key={kind}
      name="code"
      label="Code of your app"
      hint={hint}
      inputMode="numeric"
      autoComplete="one-time-code"
      pattern="\s*(\d\s*){6}"
      title="six digits"
    />
  );
}

/** Returns the answer to a challenge. */
export const answerOf = (kind: CodeKind, code: string) =>
  kind === "totp" ? { totp: code } : { recoveryCode: code };
