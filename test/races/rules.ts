import type { Play, Player } from "./play.js";
import { type Answer, ROLES, type State, type World } from "./world.js";

/** The sessions that an operation ends, with the reasons that are stored and answered. */
const ENDINGS: Partial<Record<Player["name"], Ending>> = {
  replay: { sessions: ["laptop"], endReason: "reused", refusal: "token_reused" },
  logout: { sessions: ["laptop"], endReason: "logout", refusal: "token_revoked" },
  revocation: { sessions: ["laptop"], endReason: "logout", refusal: "token_revoked" },
  "logout of all": { sessions: ["laptop", "phone"], endReason: "logout", refusal: "token_revoked" },
  "password change": {
    sessions: ["laptop"],
    endReason: "password_changed",
    refusal: "password_changed",
  },
  deactivation: {
    sessions: ["laptop", "phone"],
    endReason: "user_deactivated",
    refusal: "user_inactive",
  },
};

interface Ending {
  readonly sessions: readonly ("laptop" | "phone")[];
  readonly endReason: string;
  readonly refusal: string;
}

type Attempt = Pick<Player, "name" | "answer" | "first" | "last"> & { readonly index: number };

/** Returns what is wrong after a play, as sentences. */
export async function findFaults(world: World, { players, steps }: Play): Promise<string[]> {
  const attempts: Attempt[] = players.map((player, index) => ({ ...player, index }));
  let state = await world.look(answersOf(attempts));
  const faults = judge(attempts, state);
  const cut = players.findIndex(({ isCut }) => isCut);
  if (cut >= 0) {
    const { name } = players[cut]!;
    const answer = await world.run(name, cut);
    const [first, last] = [steps.length, steps.length + 1];
    attempts.push({ name, answer, first, last, index: cut });
    state = await world.look(answersOf(attempts));
    const later = judge(attempts, state);
    faults.push(...later.map((fault) => `After the repetition: ${fault}`));
  }
  const used = await world.oncePerState(state, () => useAll(world, attempts));
  faults.push(...used);
  return faults;
}

const answersOf = (attempts: readonly Attempt[]) => attempts.flatMap(({ answer }) => answer ?? []);

function judge(attempts: readonly Attempt[], state: State): string[] {
  const faults: string[] = [];
  const require = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };

  for (const name of ["laptop", "phone"] as const) {
    const session = state.sessions[name];
    if (session === undefined) {
      faults.push(`The row of the session on the ${name} is gone.`);
      continue;
    }
    const endings = attempts.filter((attempt) => ENDINGS[attempt.name]?.sessions.includes(name));
    const isEnded = session.endReason !== null;
    const must = endings.filter(hasSucceeded);
    require(isEnded ||
      must.length === 0, `The session on the ${name} is open after: ${namesOf(must)}.`);
    const causes = endings.filter(mayHaveSucceeded);
    require(!isEnded ||
      causes.some(
        (cause) => ENDINGS[cause.name]?.endReason === session.endReason,
      ), `The session on the ${name} has ended without cause: ${session.endReason}.`);
    const reports = state.reported.filter((reported) => reported === name).length;
    const mayBeLost = attempts.some(({ answer }) => answer === null);
    require(reports === Number(isEnded) ||
      (mayBeLost &&
        reports <
          Number(isEnded)), `The end of the session on the ${name} was reported ${reports} times.`);
    for (const token of state.accepted) {
      const isCurrent = token.kind === "access" || token.generation === session.generation;
      if (token.session !== name || (!isEnded && isCurrent)) continue;
      faults.push(`The ${token.kind} token ${token.generation} of the ${name} is accepted.`);
    }
    const isSignedIn = state.accepted.some(
      (token) => token.session === name && token.kind === "access",
    );
    require(isSignedIn || isEnded, `The access tokens of the ${name} are refused.`);
  }

  const { laptop } = state.sessions;
  const refreshes = attempts.filter(({ name }) => name === "refresh");
  const successors = refreshes.flatMap(({ answer }) => answer?.data?.refreshToken.refresh ?? []);
  require(new Set(successors).size <= 1, "The refresh token has several successors.");
  const isRefreshed = refreshes.some(hasSucceeded);
  require(laptop === undefined ||
    laptop.generation === (isRefreshed ? 2 : 1) ||
    (laptop.generation === 2 &&
      refreshes.some(
        ({ answer }) => answer === null,
      )), `The laptop's session has the generation ${laptop?.generation}.`);
  for (const attempt of attempts) {
    const { name, answer } = attempt;
    const reason = answer?.reason;
    require(reason === undefined ||
      refusalsOf(attempt, attempts).includes(
        reason,
      ), `The ${name} was refused without cause: ${reason}.`);
    require(name !== "replay" || answer === null || reason !== undefined, "A replay succeeded.");
  }
  for (const { answer, first } of refreshes) {
    const isAccepted = answer !== null && answer.reason === undefined;
    const earlier = attempts.filter(
      (attempt) => endsLaptop(attempt) && hasSucceeded(attempt) && attempt.last < first,
    );
    require(!isAccepted || earlier.length === 0, `A refresh succeeded after: ${namesOf(earlier)}.`);
  }

  for (const name of ["expired", "ended"] as const) {
    const isAccepted = state.accepted.some(({ session }) => session === name);
    require(!isAccepted, `A token of the ${name} session is accepted.`);
  }
  require(["access", "refresh"].every((kind) =>
    state.accepted.some((token) => token.session === "other" && token.kind === kind),
  ), "Another user was signed out.");
  const prunes = attempts.filter(({ name }) => name === "prune");
  const isPruned = state.sessions.expired === undefined;
  require(isPruned || !prunes.some(hasSucceeded), "The expired session was not pruned.");
  require(!isPruned || prunes.length > 0, "The expired session is gone.");
  require(state.sessions.ended !== undefined, "The row of the ended session is gone.");

  const changed = attempts.filter(({ name }) => name === "role change");
  const lasts = changed.filter(hasSucceeded).map(({ last }) => last);
  const possible = changed.filter(
    ({ answer, last }) => answer === null || last === Math.max(...lasts),
  );
  const roles = possible.map(({ index }) => ROLES[index]);
  if (lasts.length === 0) roles.push("USER");
  require(roles.includes(state.role), `The role is ${state.role}.`);

  const deactivations = attempts.filter(({ name }) => name === "deactivation");
  require(!state.isActive || !deactivations.some(hasSucceeded), "The user is active.");
  require(state.isActive || deactivations.some(mayHaveSucceeded), "The user is inactive.");
  const changes = attempts.filter(({ name }) => name === "password change");
  require(changes.filter(hasSucceeded).length <= 1, "The password was changed twice.");
  require(!state.hasOldPassword || !changes.some(hasSucceeded), "The password is the old one.");
  require(state.hasOldPassword || changes.some(mayHaveSucceeded), "The password has changed.");
  require((state.isActive && state.hasOldPassword) ||
    laptop?.endReason !==
      null, "The user was changed, but the session on the laptop was not ended.");
  return faults;
}

/** Refreshes the laptop's newest token, and then replays its oldest. */
async function useAll(world: World, attempts: readonly Attempt[]): Promise<string[]> {
  const answers = answersOf(attempts);
  const { laptop } = (await world.look(answers)).sessions;
  if (laptop === undefined) return [];
  const faults: string[] = [];
  const refresh = (generation: number): Promise<Answer> | undefined => {
    const token = world
      .tokens(answers)
      .find(
        (each) =>
          each.session === "laptop" && each.kind === "refresh" && each.generation === generation,
      );
    return token && world.refresh(token);
  };
  const isOpen = laptop.endReason === null;
  const newest = await refresh(laptop.generation);
  if (newest !== undefined && (newest.reason === undefined) !== isOpen) {
    faults.push(`The newest refresh token is ${isOpen ? "refused" : "accepted"}.`);
  }
  const oldest = await refresh(0);
  if (oldest?.reason === undefined) faults.push("The oldest refresh token is accepted.");
  const { accepted } = await world.look(answers);
  if (accepted.some(({ session }) => session === "laptop")) {
    faults.push("A token of the laptop is accepted after a replay.");
  }
  return faults;
}

/** Returns the reasons for which an operation may be refused because of the others. */
function refusalsOf(attempt: Attempt, attempts: readonly Attempt[]): string[] {
  const { name } = attempt;
  const others = attempts.filter((other) => other !== attempt);
  const because = (session: "laptop" | "phone") =>
    others.flatMap((other) => {
      const ending = ENDINGS[other.name];
      return ending?.sessions.includes(session) ? [ending.refusal] : [];
    });
  switch (name) {
    case "replay":
      return ["token_reused", ...because("laptop")];
    case "refresh":
      return because("laptop");
    case "revocation":
      // The session that this operation names may have ended.
      return [...because("phone"), ...(others.some(endsLaptop) ? ["BAD_USER_INPUT"] : [])];
    case "logout of all":
      return because("phone");
    case "password change": {
      const isRefused = others.some((other) =>
        ["password change", "deactivation"].includes(other.name),
      );
      return [...because("phone"), ...(isRefused ? ["invalid_credentials"] : [])];
    }
    default:
      return [];
  }
}

const endsLaptop = ({ name }: Attempt) => ENDINGS[name]?.sessions.includes("laptop") ?? false;
const namesOf = (attempts: readonly Attempt[]) => attempts.map(({ name }) => name).join(", ");

/**
 * Returns whether an operation has had its effect. A replay is always refused, but its effect is the end of the
 * session.
 */
function hasSucceeded({ name, answer }: Attempt): boolean {
  return answer !== null && (answer.reason === undefined || name === "replay");
}

function mayHaveSucceeded(attempt: Attempt): boolean {
  return attempt.answer === null || hasSucceeded(attempt);
}
