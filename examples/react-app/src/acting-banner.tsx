/** Tells administrators which user they act as, and lets them stop. */
export function ActingBanner({
  username,
  administrator,
  onStop,
}: {
  username: string;
  administrator: string;
  onStop: () => void;
}) {
  return (
    <aside className="acting" aria-label="Impersonation">
      <p>
        You act as <strong>{username}</strong> (signed in as {administrator})
      </p>
      <button className="quiet" onClick={onStop}>
        Stop
      </button>
    </aside>
  );
}
