import { useRef, useState } from "react";

/** Shows recovery codes once. */
export function RecoveryCodes({
  codes,
  onStored,
}: {
  codes: readonly string[];
  onStored: () => void;
}) {
  const list = useRef<HTMLOListElement>(null);
  const [isCopied, setIsCopied] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
      setIsCopied(true);
    } catch {
      // Without a permission to copy, the user can copy the selection.
      if (list.current) getSelection()?.selectAllChildren(list.current);
    }
  }
  return (
    <>
      <p role="status">
        Print these codes, or store them in your password manager. They are not shown again. Each
        signs you in once if you lose your phone.
      </p>
      <ol className="codes" ref={list} aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <div className="actions">
        <button type="button" className="quiet" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" className="primary" onClick={onStored}>
          I have stored them
        </button>
      </div>
      <p role="status">{isCopied && "Copied."}</p>
    </>
  );
}
