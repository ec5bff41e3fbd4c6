import { GraphQLJSON } from "graphql-scalars";
import { Arg, Ctx, Directive, Extensions, ID, Mutation, Query, Resolver } from "type-graphql";
import type { AuthContext } from "../../authentication/context.js";
import type { AuthScheme } from "../../events.js";
import { AuthPayload, toAuthPayload } from "../../graphql/auth-payload.type.js";
import { AuthSchemeEnum } from "../../graphql/session.type.js";
import { OPEN_TO_ENROLMENT } from "../../permissions/enrolment-fields.js";
import type { PasskeyLoginService, PasskeyOptions } from "./passkey-login.service.js";
import type { PasskeysService } from "./passkeys.service.js";
import {
  AddPasskeyPayload,
  PasskeyOptionsType,
  PasskeyPayload,
  PasskeyType,
  toPasskeyPayload,
  toPasskeyType,
} from "./passkeys.type.js";

/** The guard of fields that change the ways to log in. */
const FRESH = `@auth(freshWithin: "15m")`;

@Resolver()
export class PasskeysResolver {
  readonly #passkeys: PasskeysService;
  readonly #logins: PasskeyLoginService;

  constructor(passkeys: PasskeysService, logins: PasskeyLoginService) {
    this.#passkeys = passkeys;
    this.#logins = logins;
  }

  @Mutation(() => PasskeyOptionsType, {
    description:
      "Begins a use of a passkey: a login without a user name, the second step of a login, or another proof of the caller.",
  })
  @Directive("@public")
  async beginPasskeyLogin(
    @Arg("challenge", () => String, {
      nullable: true,
      description:
        "`extensions.challenge.token` of a login that needs a second step. The browser then offers only the passkeys of the user who logs in.",
    })
    challenge: string | null,
    @Ctx() { client }: AuthContext,
  ): Promise<PasskeyOptionsType> {
    return toOptions(await this.#logins.begin(client, challenge ?? null));
  }

  @Mutation(() => AuthPayload, {
    description:
      "Logs in by a passkey. It counts as two factors, because the authenticator has checked its user.",
  })
  @Directive("@public")
  async passkeyLogin(
    @Arg("response", () => GraphQLJSON, {
      description: "The `toJSON()` of the result of `navigator.credentials.get`.",
    })
    response: unknown,
    @Arg("scheme", () => AuthSchemeEnum, { defaultValue: "JWT" }) scheme: AuthScheme,
    @Ctx() { client }: AuthContext,
  ): Promise<AuthPayload> {
    return toAuthPayload(await this.#logins.login(response, scheme, client));
  }

  @Mutation(() => PasskeyOptionsType, {
    description: "Begins to add a passkey. Only the same session can complete it.",
  })
  @Directive(FRESH)
  @Extensions(OPEN_TO_ENROLMENT)
  async beginPasskeyRegistration(@Ctx() context: AuthContext): Promise<PasskeyOptionsType> {
    return toOptions(await this.#passkeys.beginRegistration(context));
  }

  @Mutation(() => AddPasskeyPayload, {
    description:
      "Adds a passkey to the caller's own. If it is the user's first second factor, the user gets recovery codes, and the user's other sign-ins end.",
  })
  @Directive(FRESH)
  @Extensions(OPEN_TO_ENROLMENT)
  async addPasskey(
    @Arg("label", () => String, { description: "1 to 64 characters, such as `Work laptop`." })
    label: string,
    @Arg("response", () => GraphQLJSON, {
      description: "The `toJSON()` of the result of `navigator.credentials.create`.",
    })
    response: unknown,
    @Ctx() context: AuthContext,
  ): Promise<AddPasskeyPayload> {
    const added = await this.#passkeys.add(context, label, response);
    const { recoveryCodes: codes } = added;
    const payload = toPasskeyPayload("Passkey added", added);
    return Object.assign(payload, { recoveryCodes: codes && [...codes] });
  }

  @Query(() => [PasskeyType], { description: "The caller's passkeys, oldest first." })
  @Directive("@auth")
  @Extensions(OPEN_TO_ENROLMENT)
  async passkeys(@Ctx() context: AuthContext): Promise<PasskeyType[]> {
    return (await this.#passkeys.list(context)).map(toPasskeyType);
  }

  @Mutation(() => PasskeyPayload)
  @Directive("@auth")
  async renamePasskey(
    @Arg("id", () => ID) id: string,
    @Arg("label", () => String) label: string,
    @Ctx() context: AuthContext,
  ): Promise<PasskeyPayload> {
    return toPasskeyPayload("Passkey renamed", await this.#passkeys.rename(context, id, label));
  }

  @Mutation(() => PasskeyPayload, {
    description:
      "Removes one of `passkeys`. The only way to log in to an account cannot be removed.",
  })
  @Directive(FRESH)
  async removePasskey(
    @Arg("id", () => ID) id: string,
    @Ctx() context: AuthContext,
  ): Promise<PasskeyPayload> {
    return toPasskeyPayload("Passkey removed", await this.#passkeys.remove(context, id));
  }
}

function toOptions({ options, expiresAt }: PasskeyOptions): PasskeyOptionsType {
  return { options, expiresAt: new Date(expiresAt) };
}
