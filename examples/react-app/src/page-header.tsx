import type { Failure } from "graphql-gatehouse/client";
import { Problem } from "./problem.js";
import { Link } from "./router.js";

/** The title of a page, a button that loads the data of the page again, and the failure of the last load. */
export function PageHeader({
  title,
  failure,
  onReload,
}: {
  title: string;
  failure: Failure | null;
  onReload: () => void;
}) {
  return (
    <>
      <div className="title">
        <h1>{title}</h1>
        <button className="quiet" onClick={onReload}>
          Reload
        </button>
      </div>
      {failure && <Problem failure={failure} />}
      {failure?.reason === "enrolment_required" && (
        <Link className="primary" href="/second-factor">
          Set up an app
        </Link>
      )}
    </>
  );
}
