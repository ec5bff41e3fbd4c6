import type { AuthClient } from "./auth-client.js";
import type { User } from "./credentials.js";
import { execute, type Operation, type Result as Executed } from "./execute.js";
import { asRefusal, type Failure, NO_SESSION } from "./failure.js";

/** The outcome of an operation: the server's payload, or the failure. */
export type Result<Data> =
  { readonly data: Data; readonly error: null } | { readonly data: null; readonly error: Failure };

/** The value of the only field in an operation's data. */
export type Payload<Data> = Data[keyof Data];

type Execute<Data> = (operation: Operation) => Promise<Executed<Data>>;

/** Sends an operation that needs no signed-in user. */
export async function executePublic<Data extends object>(
  auth: AuthClient,
  operation: Operation,
): Promise<Result<Payload<Data>>> {
  return toResult(await execute<Data>(auth.internals.config.endpoint, operation));
}

/**
 * Sends an operation with the `Authorization` header of the signed-in user. If the server refuses the header, renews
 * the tokens and retries once. If the server wants another proof, and the application uses `createStepUp`, asks the
 * user for the proof. If the user gives it, retries once.
 */
export async function executeSignedIn<Data extends object>(
  auth: AuthClient,
  operation: Operation,
  run: Execute<Data> = (signed) => execute<Data>(auth.internals.config.endpoint, signed),
): Promise<Result<Payload<Data>>> {
  const send = () => executeOnce(auth, operation, run);
  const result = await send();
  const isRepeated = await auth.internals.isProven?.(result.failure);
  return toResult(isRepeated ? await send() : result);
}

async function executeOnce<Data extends object>(
  auth: AuthClient,
  operation: Operation,
  run: Execute<Data>,
): Promise<Executed<Data>> {
  const { renewal } = auth.internals;
  const authorization = await renewal.getAuthorization();
  if (!authorization) return { failure: auth.getSession().error ?? NO_SESSION };
  const result = await run({ ...operation, authorization });
  const next = await renewal.recover(authorization, asRefusal(result.failure));
  return next ? run({ ...operation, authorization: next }) : result;
}

export function toResult<Data extends object>({
  data,
  failure,
}: Executed<Data>): Result<Payload<Data>> {
  if (failure) return { data: null, error: failure };
  const [payload] = Object.values(data) as [Payload<Data>];
  return { data: payload, error: null };
}

/** Returns the user whom a login has signed in, or the failure of the login. */
export function toUser(login: Result<{ readonly user: User }>): Result<User> {
  return login.error ? login : { data: login.data.user, error: null };
}
