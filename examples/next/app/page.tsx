import { Account } from "./account";

export default function Page() {
  return (
    <main>
      <h1>Motto</h1>
      <Account />
    </main>
  );
}
