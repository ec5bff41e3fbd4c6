import { onOff, text } from "../../config/kinds.js";
import { deleteBatch } from "../../maintenance/prune-rule.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { mail as mailFeature } from "../mail/index.js";
import { secondFactor } from "../second-factor/index.js";
import { passkeyMigration } from "./migration.js";
import { createRelyingParty, findRelyingPartyProblems, isRpId } from "./relying-party.js";

const settings = {
  /** Whether users can add passkeys, and log in with them. */
  passkeys: onOff({ variable: "PASSKEYS", default: false }),
  /**
   * The domain to which passkeys belong: the domain of the pages, or a parent domain of it. If this domain changes, all
   * passkeys stop working.
   */
  rpId: text({
    variable: "RP_ID",
    accepts: isRpId,
    allowed: "a domain such as example.com, or localhost",
    defaultNote: {
      option: "the host of `publicUrl`; in development without it localhost",
      variable: "the host of `PUBLIC_URL`; in development without it localhost",
    },
  }),
  /** The name of the application that authenticators show. */
  rpName: text({
    variable: "RP_NAME",
    defaultNote: { option: "the domain, `rpId`", variable: "the domain, `RP_ID`" },
  }),
};

/** Lets users log in with passkeys, without a user name or a password. @see WebAuthn Level 3 */
export const passkeys = defineFeature({
  name: "passkeys",
  uses: ["mail", "second-factor"],
  settings,
  loadEntities: async () => Object.values(await import("./passkey.entity.js")),
  migrations: [passkeyMigration],
  isOn: (config) => config.passkeys,
  findProblems: (config) => (config.passkeys ? findRelyingPartyProblems(config) : []),
  create: async (core: CoreServices, config, apiOf) => {
    const { Challenges } = await import("./challenges.js");
    const { PasskeyFactor } = await import("./passkey-factor.js");
    const { PasskeyLoginService } = await import("./passkey-login.service.js");
    const { PasskeysResolver } = await import("./passkeys.resolver.js");
    const { PasskeysService } = await import("./passkeys.service.js");
    const { StoredPasskeys } = await import("./stored-passkeys.js");
    const { PasskeyVerifier } = await import("./verifier.js");
    const party = createRelyingParty(config);
    const stored = new StoredPasskeys(core);
    const parts = { party, challenges: new Challenges(core), passkeys: stored };
    const verifier = new PasskeyVerifier(core, parts);
    const mail = apiOf.ifOn(mailFeature)?.mail;
    const { secondFactors: factors, loginChallenges } = apiOf.ifOn(secondFactor) ?? {};
    factors?.register(new PasskeyFactor(core, verifier, stored));
    const service = new PasskeysService(core, { ...parts, verifier, mail, factors });
    const logins = new PasskeyLoginService(core, parts, verifier, loginChallenges);
    const { relatedOrigins: origins } = party;
    return {
      resolvers: [new PasskeysResolver(service, logins)],
      exportUser: async (id) => ({ passkeys: await stored.list(id) }),
      routes:
        origins.length === 0
          ? []
          : [
              {
                method: "GET" as const,
                // Lists the related origins. @see WebAuthn 5.11
                path: "/.well-known/webauthn",
                handle: () =>
                  Response.json(
                    { origins },
                    { headers: { "cache-control": "public, max-age=300" } },
                  ),
              },
            ],
      prune: [
        {
          statement: deleteBatch(
            "passkey_challenge",
            "challenge_hash",
            "expires_at <= ?",
            "expires_at",
          ),
          parameters: (now) => [now],
        },
      ],
    };
  },
});
