import { Card } from "./forms.js";
import { Link } from "./router.js";

export function NotFound() {
  return (
    <Card title="Page not found" links={<Link href="/">Go to the start page</Link>}>
      <p>There is no page at this address. Check the link, or start again.</p>
    </Card>
  );
}
