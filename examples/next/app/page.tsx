"use client";

import dynamic from "next/dynamic";

// Rendered in the browser only. On the server, serverExternalPackages makes Node load `graphql-gatehouse/react`, which
// imports a second copy of React.
const Account = dynamic(() => import("./account").then(({ Account }) => Account), {
  ssr: false,
  loading: () => <p>One moment…</p>,
});

export default function Page() {
  return (
    <main>
      <h1>Motto</h1>
      <Account />
    </main>
  );
}
