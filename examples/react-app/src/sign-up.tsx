import { useState } from "react";
import { Card, EmailField, Field, Form, NewPasswordField } from "./forms.js";
import { Link, navigate } from "./router.js";
import { useServices } from "./services.js";

export function SignUp() {
  const { account } = useServices();
  const [email, setEmail] = useState<string | null>(null);
  if (email !== null)
    return (
      <Card
        title="Check your mail"
        links={
          <>
            No mail? <Link href="/verify-email">Send a new one</Link>
          </>
        }
      >
        <p>
          We sent a link to <strong>{email}</strong>. Open it to finish, within 24 hours.
        </p>
      </Card>
    );
  return (
    <Card
      title="Create your account"
      links={
        <>
          Have an account? <Link href="/">Sign in</Link>
        </>
      }
    >
      <Form
        action="Create account"
        busyAction="Creating your account…"
        fields={{ username_taken: "username", password_too_weak: "newPassword" }}
        onSubmit={async (value) => {
          const { data, error } = await account.register({
            username: value("username"),
            email: value("email"),
            password: value("newPassword"),
          });
          if (data?.user) navigate("/");
          else if (data) setEmail(value("email"));
          return error;
        }}
      >
        <Field name="username" label="User name" autoComplete="username" />
        <EmailField />
        <NewPasswordField />
      </Form>
    </Card>
  );
}
