import { text } from "../../config/kinds.js";
import type { Problem } from "../../config/problems.js";
import type { Setting } from "../../config/setting.js";
import { Sealer } from "../../keys/sealing.js";
import { deleteBatch } from "../../maintenance/prune-rule.js";
import { type CoreServices, defineFeature, type FeatureConfig } from "../feature.js";
import { mail as mailFeature } from "../mail/index.js";
import { registration } from "../registration/index.js";
import { externalLoginMigration } from "./migration.js";
import type { Provider } from "./provider.js";
import { CLIENTS, CLIENTS_RULE, isSafeOrigin, parseClients } from "./provider-settings.js";

const GOOGLE = "https://accounts.google.com";

const settings = {
  /** OpenID Connect providers by which users can log in. In the variable, percent-encode the id and the secret. */
  externalProviders: {
    variable: "OIDC_PROVIDERS",
    check: CLIENTS.optional(),
    read: parseClients,
    allowed: CLIENTS_RULE,
  } satisfies Setting,
  /** The client id of this server at Google. With it, `google` is a provider. */
  googleClientId: text({ variable: "OIDC_GOOGLE_CLIENT_ID" }),
  /** The client secret of this server at Google. */
  googleClientSecret: text({ variable: "OIDC_GOOGLE_CLIENT_SECRET" }),
  /** The client id of this server at GitHub. With it, `github` is a provider. */
  githubClientId: text({ variable: "GITHUB_CLIENT_ID" }),
  /** The client secret of this server at GitHub. */
  githubClientSecret: text({ variable: "GITHUB_CLIENT_SECRET" }),
  /** The GitHub Enterprise Server to use instead of github.com. */
  githubUrl: text({
    variable: "GITHUB_URL",
    accepts: isSafeOrigin,
    allowed: "an origin such as https://github.example.com, or http://… on loopback",
  }),
};

type Config = FeatureConfig<typeof settings>;

/** Lets users log in by their accounts at other providers: with OpenID Connect, or at GitHub. */
export const externalLogin = defineFeature({
  name: "external-login",
  uses: ["mail", "registration"],
  settings,
  loadEntities: async () => Object.values(await import("./external-login.entity.js")),
  migrations: [externalLoginMigration],
  isOn: hasProviders,
  findProblems,
  create: async (core: CoreServices, config, apiOf) => {
    const { ExternalLoginResolver } = await import("./external-login.resolver.js");
    const { ExternalLoginService } = await import("./external-login.service.js");
    const { LinkedAccounts } = await import("./linked-accounts.js");
    const { NewUsers } = await import("./new-users.js");
    const { PendingLogins } = await import("./pending-logins.js");
    const { ReturnPages } = await import("./return-pages.js");
    const providers = await createProviders(config, core.now);
    const mail = apiOf.ifOn(mailFeature)?.mail;
    const accounts = new LinkedAccounts(core, [...providers.keys()], mail);
    const signUps = apiOf.ifOn(registration)?.signUps;
    const newUsers = new NewUsers(core, accounts, signUps);
    const pending = new PendingLogins(core, new Sealer(core.deriveKeys("external-login")));
    const pages = new ReturnPages(originsOf(config));
    const service = new ExternalLoginService(core, {
      ...{ providers, accounts, newUsers, pending, pages, signUps },
    });
    return {
      resolvers: [new ExternalLoginResolver(service)],
      exportUser: async (id) => ({ linkedAccounts: await accounts.list(id) }),
      prune: [
        {
          statement: deleteBatch("external_login", "state_hash", "expires_at <= ?", "expires_at"),
          parameters: (now) => [now],
        },
      ],
      announce: (url) => {
        pages.useOwn(url);
        return `External logins: ${service.providers.join(", ")}`;
      },
    };
  },
});

async function createProviders(
  { externalProviders = {}, googleClientId, googleClientSecret = "", ...config }: Config,
  now: () => number,
): Promise<ReadonlyMap<string, Provider>> {
  const { OidcProvider } = await import("./oidc.js");
  const { GithubProvider } = await import("./github.js");
  const providers = new Map<string, Provider>();
  if (googleClientId !== undefined) {
    const client = { issuer: GOOGLE, clientId: googleClientId, clientSecret: googleClientSecret };
    providers.set("google", new OidcProvider(client, now));
  }
  const {
    githubUrl: url,
    githubClientId: clientId,
    githubClientSecret: clientSecret = "",
  } = config;
  if (clientId !== undefined) {
    providers.set("github", new GithubProvider({ url, clientId, clientSecret }));
  }
  for (const [name, client] of Object.entries(externalProviders)) {
    providers.set(name, new OidcProvider(client, now));
  }
  return providers;
}

function hasProviders({ externalProviders = {}, googleClientId, githubClientId }: Config): boolean {
  const hasOwn = Object.keys(externalProviders).length > 0;
  return hasOwn || googleClientId !== undefined || githubClientId !== undefined;
}

function originsOf({ publicUrl, corsOrigins }: Config): string[] {
  return publicUrl === undefined ? [...corsOrigins] : [publicUrl, ...corsOrigins];
}

function findProblems(config: Config): Problem[] {
  const { externalProviders = {}, publicUrl, corsOrigins, isDevelopment } = config;
  const problems: Problem[] = [];
  for (const [name, id, secret] of [
    ["google", "googleClientId", "googleClientSecret"],
    ["github", "githubClientId", "githubClientSecret"],
  ] as const) {
    const message = "is required with";
    const [hasId, hasSecret] = [config[id] !== undefined, config[secret] !== undefined];
    if (hasId && !hasSecret) problems.push({ option: secret, message, other: id });
    if (hasSecret && !hasId) problems.push({ option: id, message, other: secret });
    if (hasId && Object.hasOwn(externalProviders, name)) {
      problems.push({
        option: id,
        message: `is for ${name}, which is also in`,
        other: "externalProviders",
      });
    }
  }
  if (config.githubUrl !== undefined && config.githubClientId === undefined) {
    problems.push({ option: "githubClientId", message: "is required with", other: "githubUrl" });
  }
  const hasPages = publicUrl !== undefined || corsOrigins.length > 0 || isDevelopment === true;
  if (hasProviders(config) && !hasPages) {
    const message =
      "is required for logins at other providers, because they send browsers to pages under this URL";
    problems.push({ option: "publicUrl", message });
  }
  return problems;
}
