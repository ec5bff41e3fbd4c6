import { useId, useRef } from "react";

/** A button for an action that cannot be undone. Asks first. */
export function Confirmation({
  action,
  question,
  text,
  onConfirm,
}: {
  action: string;
  question: string;
  text: string;
  onConfirm: () => Promise<void>;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  return (
    <>
      <button className="danger" onClick={() => dialog.current?.showModal()}>
        {action}…
      </button>
      <dialog ref={dialog} aria-labelledby={id}>
        <form method="dialog">
          <h2 id={id}>{question}</h2>
          <p>{text}</p>
          <div className="actions">
            <button className="quiet">Cancel</button>
            <button className="danger" onClick={() => void onConfirm()}>
              {action}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
