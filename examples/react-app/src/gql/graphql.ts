/* eslint-disable */
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
export type Maybe<T> = T | null;
export type InputMaybe<T> = T | null | undefined;
export type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
export type MakeOptional<T, K extends keyof T> = Omit<T, K> & { [SubKey in K]?: Maybe<T[SubKey]> };
export type MakeMaybe<T, K extends keyof T> = Omit<T, K> & { [SubKey in K]: Maybe<T[SubKey]> };
export type MakeEmpty<T extends { [key: string]: unknown }, K extends keyof T> = { [_ in K]?: never };
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A date-time string at UTC, such as 2007-12-03T10:15:30Z, compliant with the `date-time` format outlined in section 5.6 of the RFC 3339 profile of the ISO 8601 standard for representation of dates and times using the Gregorian calendar. */
  DateTime: { input: string; output: string; }
  /** The `JSON` scalar type represents JSON values as specified by [ECMA-404](http://www.ecma-international.org/publications/files/ECMA-ST/ECMA-404.pdf). */
  JSON: { input: unknown; output: unknown; }
};

export type AddPasskeyPayload = {
  __typename?: 'AddPasskeyPayload';
  /** The credential ids of all passkeys that the user has now, for `signalAllAcceptedCredentials`. */
  acceptedCredentialIds: Array<Scalars['String']['output']>;
  message: Scalars['String']['output'];
  /** The passkey that was added, renamed or removed. */
  passkey: Passkey;
  /** The new recovery codes, if the user had none. They are never shown again. Null if the user has codes already, or second factors are off. */
  recoveryCodes?: Maybe<Array<Scalars['String']['output']>>;
};

/** A value that belongs to an event. */
export type AuditDetail = {
  __typename?: 'AuditDetail';
  name: Scalars['String']['output'];
  value?: Maybe<Scalars['String']['output']>;
};

/** Something that happened to an account, a session or a key. Only administrators see other users in it. */
export type AuditEvent = {
  __typename?: 'AuditEvent';
  /** The user who caused the event. Null if nobody was signed in, or if the user is deleted, or if the caller may not see the user. */
  actor?: Maybe<User>;
  /** The session that the actor used. */
  actorSessionId?: Maybe<Scalars['ID']['output']>;
  at: Scalars['DateTime']['output'];
  details: Array<AuditDetail>;
  id: Scalars['ID']['output'];
  /** The administrator who used the actor's account. Only administrators see this field. */
  impersonator?: Maybe<User>;
  ipAddress?: Maybe<Scalars['String']['output']>;
  /** Whether someone other than the event's own user caused it, such as an administrator. */
  isByOther: Scalars['Boolean']['output'];
  /** The id of the request in the log. */
  requestId?: Maybe<Scalars['String']['output']>;
  /** The session that the event is about. */
  sessionId?: Maybe<Scalars['ID']['output']>;
  /** Such as `token_issued` or `login_failed`. */
  type: Scalars['String']['output'];
  /** The user that the event is about. Null if there is none, or if the user is deleted, or if the caller may not see the user. */
  user?: Maybe<User>;
  userAgent?: Maybe<Scalars['String']['output']>;
};

/** A page of events, newest first. */
export type AuditEventConnection = {
  __typename?: 'AuditEventConnection';
  edges: Array<AuditEventEdge>;
  pageInfo: PageInfo;
};

export type AuditEventEdge = {
  __typename?: 'AuditEventEdge';
  cursor: Scalars['String']['output'];
  node: AuditEvent;
};

/** Filters events. Several fields are combined with AND. */
export type AuditEventFilter = {
  /** The user who caused the event. */
  actorId?: InputMaybe<IdFilter>;
  at?: InputMaybe<DateTimeFilter>;
  /** The session that the event is about, or that its actor used. */
  sessionId?: InputMaybe<IdFilter>;
  type?: InputMaybe<AuditEventTypeFilter>;
  /** The user that the event is about. */
  userId?: InputMaybe<IdFilter>;
};

/** Filters by the type of an event. */
export type AuditEventTypeFilter = {
  /** One of these types, such as `login_failed`; at most 100. */
  in?: InputMaybe<Array<Scalars['String']['input']>>;
};

/** The result of a login or a refresh. Its tokens cannot be read again later. */
export type AuthPayload = {
  __typename?: 'AuthPayload';
  /** JWT: the access token. */
  access?: Maybe<Scalars['String']['output']>;
  /** When `token` or `access` expires. Null if it does not expire. */
  expiresAt?: Maybe<Scalars['DateTime']['output']>;
  /** JWT: the refresh token. It can be used once. */
  refresh?: Maybe<Scalars['String']['output']>;
  /** JWT: when `refresh` expires. SLIDING: until when the token can be refreshed. */
  refreshExpiresAt?: Maybe<Scalars['DateTime']['output']>;
  scheme: AuthScheme;
  session: Session;
  /** TOKEN: the key. SLIDING: the sliding token. */
  token?: Maybe<Scalars['String']['output']>;
  /** The header scheme to send: `Token` or `Bearer`. */
  tokenType: Scalars['String']['output'];
  user: User;
};

/** The kind of credential that a session uses. */
export type AuthScheme =
  /** A short-lived access token, sent as `Authorization: Bearer <access>`, and a refresh token, which is exchanged for a new pair. */
  | 'JWT'
  /** One token, sent as `Authorization: Bearer <token>`. It must be exchanged for a new one before it expires. */
  | 'SLIDING'
  /** One static key, sent as `Authorization: Token <key>`. */
  | 'TOKEN';

export type AuthStrength =
  /** A second factor, such as a code from an authenticator app. */
  | 'SECOND_FACTOR';

/** A secret for the user's app. `confirmTotp` makes it work. */
export type BeginTotpPayload = {
  __typename?: 'BeginTotpPayload';
  /** Until when `confirmTotp` accepts a code. */
  expiresAt: Scalars['DateTime']['output'];
  /** A QR code of `uri`, as an SVG document. */
  qr: Scalars['String']['output'];
  /** In Base32, for users who type it. */
  secret: Scalars['String']['output'];
  /** An `otpauth:` URI, which opens the app on a phone. */
  uri: Scalars['String']['output'];
};

export type CreateTokenPayload = {
  __typename?: 'CreateTokenPayload';
  /** Null if the token does not expire. */
  expiresAt?: Maybe<Scalars['DateTime']['output']>;
  session: Session;
  /** The token. It cannot be read again later. */
  token: Scalars['String']['output'];
  /** The header scheme to send: `Token`. */
  tokenType: Scalars['String']['output'];
};

/** Filters by an instant. */
export type DateTimeFilter = {
  gt?: InputMaybe<Scalars['DateTime']['input']>;
  gte?: InputMaybe<Scalars['DateTime']['input']>;
  lt?: InputMaybe<Scalars['DateTime']['input']>;
  lte?: InputMaybe<Scalars['DateTime']['input']>;
};

export type DeletePayload = {
  __typename?: 'DeletePayload';
  message: Scalars['String']['output'];
};

/** Filters by e-mail address. */
export type EmailFilter = {
  /** Part of the address, in any case. */
  icontains?: InputMaybe<Scalars['String']['input']>;
};

/** A login at another provider that has begun. */
export type ExternalLoginStart = {
  __typename?: 'ExternalLoginStart';
  expiresAt: Scalars['DateTime']['output'];
  /** Keep it in this browser, and send it to `completeExternalLogin`. So nobody can complete the login elsewhere. */
  proof: Scalars['String']['output'];
  /** The provider's page. Send the browser there. */
  url: Scalars['String']['output'];
};

/** Filters by id. */
export type IdFilter = {
  /** One of these ids, at most 100. */
  in?: InputMaybe<Array<Scalars['ID']['input']>>;
};

/** An account at another provider by which the user can log in. */
export type LinkedAccount = {
  __typename?: 'LinkedAccount';
  id: Scalars['ID']['output'];
  lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  linkedAt: Scalars['DateTime']['output'];
  /** The address or the name at the provider, when the account was linked. */
  name?: Maybe<Scalars['String']['output']>;
  /** One of `externalProviders`, unless it was removed. */
  provider: Scalars['String']['output'];
};

export type LoginCodePayload = {
  __typename?: 'LoginCodePayload';
  /** The latest time at which the code can work. */
  expiresAt: Scalars['DateTime']['output'];
  message: Scalars['String']['output'];
  /** Keep it in this browser, and send it with the token of the mail's link. Nobody else can then use the link. */
  proof: Scalars['String']['output'];
};

export type LogoutPayload = {
  __typename?: 'LogoutPayload';
  message: Scalars['String']['output'];
  sessionsEnded: Scalars['Int']['output'];
};

export type MailPayload = {
  __typename?: 'MailPayload';
  message: Scalars['String']['output'];
};

export type Mutation = {
  __typename?: 'Mutation';
  /** Adds a passkey to the caller's own. If it is the user's first second factor, the user gets recovery codes, and the user's other sign-ins end. */
  addPasskey: AddPasskeyPayload;
  /** Begins a login at another provider. If the request is signed in, the login links the account at the provider to the caller. The caller must then have proved who they are within the last 15 minutes, such as by a password. */
  beginExternalLogin: ExternalLoginStart;
  /** Begins a use of a passkey: a login without a user name, the second step of a login, or another proof of the caller. */
  beginPasskeyLogin: PasskeyOptions;
  /** Begins to add a passkey. Only the same session can complete it. */
  beginPasskeyRegistration: PasskeyOptions;
  /** Creates a secret for an app that shows codes. A user who has a second factor must have given it within 15 minutes. */
  beginTotp: BeginTotpPayload;
  /** Sends a link to a new e-mail address of the caller. The address changes when the link is used. */
  changeEmail: MailPayload;
  /** Sets a new password. Ends the caller's other sessions, but not the current session. */
  changePassword: PasswordPayload;
  /** Completes a login at another provider, with the parameters that the provider sent to your page. If the login links an account, the payload has no tokens, because the session goes on. */
  completeExternalLogin: AuthPayload;
  /** Completes a login that was refused with the reason `second_factor_required`. Give exactly one of `totp`, `recoveryCode` and `passkey`. After five wrong answers, log in again. */
  completeLogin: AuthPayload;
  /** Changes the e-mail address of a user by the token of a mail to the new address. */
  confirmEmailChange: VerifyEmailPayload;
  /** Adds the app of `beginTotp`, by its first code. From then on, logins need a second step. With the first factor, the user gets recovery codes, and the user's other sign-ins end. */
  confirmTotp: SecondFactorPayload;
  /** Makes a named static token for a script of the caller. `revokeSession` ends the token, but `logoutOthers` does not. */
  createToken: CreateTokenPayload;
  /** Creates a user. Without a password, the user cannot log in by password yet. */
  createUser: UserPayload;
  /** Deletes the caller's own account, with all its sessions and tokens. */
  deleteAccount: DeletePayload;
  /** Deletes a user with all sessions and tokens. */
  deleteUser: DeletePayload;
  /** Removes the app, and the recovery codes if it was the last factor. The user must have given a second factor within 15 minutes. */
  disableTotp: SecondFactorPayload;
  /** Logs in by e-mail address and password. */
  emailLogin: AuthPayload;
  /** Ends all sessions of a user. */
  endSessions: LogoutPayload;
  /** Opens a session in which the caller acts as another user, for at most 30 minutes. This session cannot change the user's credentials. */
  impersonate: AuthPayload;
  /** Logs in by user name and password. */
  login: AuthPayload;
  /** Logs in by the code of a mail, or by the token of its link. A login uses up both. After five wrong codes, request a new one. */
  loginWithCode: AuthPayload;
  /** Ends the session of the refresh token if given, otherwise the session of the request's credential. */
  logout: LogoutPayload;
  /** Ends all sessions of the caller, named tokens included. */
  logoutAll: LogoutPayload;
  /** Ends all sign-ins of the caller except the current one. Named tokens stay: `revokeSession` ends them. */
  logoutOthers: LogoutPayload;
  /** Logs in by a passkey. It counts as two factors, because the authenticator has checked its user. */
  passkeyLogin: AuthPayload;
  /** Confirms that the caller is the user, for fields with `@auth(freshWithin:)` or `@auth(with:)`. Give exactly one of the arguments. The tokens stay the same. */
  reauthenticate: ReauthenticatePayload;
  /** Exchanges a refresh token for a new access and refresh token, or a sliding token for a new sliding token. */
  refreshToken: AuthPayload;
  /** Replaces the recovery codes. The user must have given a second factor within 15 minutes. */
  regenerateRecoveryCodes: SecondFactorPayload;
  /** Creates an account. The answer is the same whether or not the e-mail address has an account. In both cases, the address normally gets a mail. */
  register: RegisterPayload;
  /** Removes one of `passkeys`. The only way to log in to an account cannot be removed. */
  removePasskey: PasskeyPayload;
  /** Removes the second factors and the recovery codes of a user who has lost them. Make sure first that it is really the user who asks. */
  removeSecondFactor: UserPayload;
  renamePasskey: PasskeyPayload;
  /** Sends a mail with a code and a link. Both work for at most 10 minutes. The answer is the same whether or not the address has an account. */
  requestLoginCode: LoginCodePayload;
  /** Sends a link that sets a new password. The answer is the same whether or not the address has an account. */
  requestPasswordReset: MailPayload;
  /** Sends a new link to an e-mail address that is not proved yet. The answer is the same for every address. */
  resendVerification: MailPayload;
  /** Sets a new password by the token of a mail. Ends all sessions of the user, and opens no new session. */
  resetPassword: PasswordPayload;
  /** Ends a session of the caller. An administrator may also end a session of another user, within 12 hours after giving a password. A static token of an administrator cannot do that. */
  revokeSession: LogoutPayload;
  /** Activates or deactivates a user. A deactivation ends the user's sessions, and a later activation does not bring them back. */
  setActive: UserPayload;
  /** Sets the language of the mails to the caller: a language tag (BCP 47) such as `de-AT`. Null removes the language. */
  setLocale: User;
  /** Sets a user's role. The last active administrator keeps the role. */
  setRole: UserPayload;
  /** Sends a user a mail with a link to set a new password. */
  startPasswordReset: MailPayload;
  /** Removes one of `linkedAccounts`. The only way to log in to an account cannot be removed. */
  unlinkAccount: DeletePayload;
  /** Unlocks an account that too many wrong passwords have locked. */
  unlockUser: UserPayload;
  /** Changes a user's name, e-mail address, or both. A missing argument changes nothing. */
  updateUser: UserPayload;
  /** Proves an e-mail address by the token of a mail. Opens no session. */
  verifyEmail: VerifyEmailPayload;
  /** Checks a token of any kind. It is active unless it has expired, it was revoked, or its user is inactive or must first add a second factor. */
  verifyToken: TokenVerification;
};


export type MutationAddPasskeyArgs = {
  label: Scalars['String']['input'];
  response: Scalars['JSON']['input'];
};


export type MutationBeginExternalLoginArgs = {
  provider: Scalars['String']['input'];
  redirectTo: Scalars['String']['input'];
};


export type MutationBeginPasskeyLoginArgs = {
  challenge?: InputMaybe<Scalars['String']['input']>;
};


export type MutationChangeEmailArgs = {
  newEmail: Scalars['String']['input'];
};


export type MutationChangePasswordArgs = {
  currentPassword: Scalars['String']['input'];
  newPassword: Scalars['String']['input'];
};


export type MutationCompleteExternalLoginArgs = {
  code: Scalars['String']['input'];
  iss?: InputMaybe<Scalars['String']['input']>;
  proof: Scalars['String']['input'];
  scheme?: AuthScheme;
  state: Scalars['String']['input'];
};


export type MutationCompleteLoginArgs = {
  challenge: Scalars['String']['input'];
  passkey?: InputMaybe<Scalars['JSON']['input']>;
  recoveryCode?: InputMaybe<Scalars['String']['input']>;
  scheme?: AuthScheme;
  totp?: InputMaybe<Scalars['String']['input']>;
};


export type MutationConfirmEmailChangeArgs = {
  token: Scalars['String']['input'];
};


export type MutationConfirmTotpArgs = {
  code: Scalars['String']['input'];
};


export type MutationCreateTokenArgs = {
  expiresInDays?: InputMaybe<Scalars['Int']['input']>;
  label: Scalars['String']['input'];
};


export type MutationCreateUserArgs = {
  email?: InputMaybe<Scalars['String']['input']>;
  password?: InputMaybe<Scalars['String']['input']>;
  role?: InputMaybe<Role>;
  username: Scalars['String']['input'];
};


export type MutationDeleteUserArgs = {
  id: Scalars['ID']['input'];
};


export type MutationEmailLoginArgs = {
  email: Scalars['String']['input'];
  password: Scalars['String']['input'];
  scheme?: AuthScheme;
};


export type MutationEndSessionsArgs = {
  userId: Scalars['ID']['input'];
};


export type MutationImpersonateArgs = {
  reason: Scalars['String']['input'];
  userId: Scalars['ID']['input'];
};


export type MutationLoginArgs = {
  password: Scalars['String']['input'];
  scheme?: AuthScheme;
  username: Scalars['String']['input'];
};


export type MutationLoginWithCodeArgs = {
  code: Scalars['String']['input'];
  email: Scalars['String']['input'];
  proof?: InputMaybe<Scalars['String']['input']>;
  scheme?: AuthScheme;
};


export type MutationLogoutArgs = {
  refresh?: InputMaybe<Scalars['String']['input']>;
};


export type MutationPasskeyLoginArgs = {
  response: Scalars['JSON']['input'];
  scheme?: AuthScheme;
};


export type MutationReauthenticateArgs = {
  passkey?: InputMaybe<Scalars['JSON']['input']>;
  password?: InputMaybe<Scalars['String']['input']>;
  recoveryCode?: InputMaybe<Scalars['String']['input']>;
  totp?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRefreshTokenArgs = {
  refresh: Scalars['String']['input'];
};


export type MutationRegisterArgs = {
  email: Scalars['String']['input'];
  password: Scalars['String']['input'];
  scheme?: AuthScheme;
  username: Scalars['String']['input'];
};


export type MutationRemovePasskeyArgs = {
  id: Scalars['ID']['input'];
};


export type MutationRemoveSecondFactorArgs = {
  id: Scalars['ID']['input'];
};


export type MutationRenamePasskeyArgs = {
  id: Scalars['ID']['input'];
  label: Scalars['String']['input'];
};


export type MutationRequestLoginCodeArgs = {
  email: Scalars['String']['input'];
  proof?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRequestPasswordResetArgs = {
  email: Scalars['String']['input'];
};


export type MutationResendVerificationArgs = {
  email: Scalars['String']['input'];
};


export type MutationResetPasswordArgs = {
  newPassword: Scalars['String']['input'];
  token: Scalars['String']['input'];
};


export type MutationRevokeSessionArgs = {
  id: Scalars['ID']['input'];
};


export type MutationSetActiveArgs = {
  id: Scalars['ID']['input'];
  isActive: Scalars['Boolean']['input'];
};


export type MutationSetLocaleArgs = {
  locale?: InputMaybe<Scalars['String']['input']>;
};


export type MutationSetRoleArgs = {
  id: Scalars['ID']['input'];
  role: Role;
};


export type MutationStartPasswordResetArgs = {
  id: Scalars['ID']['input'];
};


export type MutationUnlinkAccountArgs = {
  id: Scalars['ID']['input'];
};


export type MutationUnlockUserArgs = {
  id: Scalars['ID']['input'];
};


export type MutationUpdateUserArgs = {
  email?: InputMaybe<Scalars['String']['input']>;
  id: Scalars['ID']['input'];
  username?: InputMaybe<Scalars['String']['input']>;
};


export type MutationVerifyEmailArgs = {
  token: Scalars['String']['input'];
};


export type MutationVerifyTokenArgs = {
  token: Scalars['String']['input'];
};

/** The direction of an order. */
export type OrderDirection =
  | 'ASC'
  | 'DESC';

/** The place of a page in its list. */
export type PageInfo = {
  __typename?: 'PageInfo';
  endCursor?: Maybe<Scalars['String']['output']>;
  hasNextPage: Scalars['Boolean']['output'];
  hasPreviousPage: Scalars['Boolean']['output'];
  startCursor?: Maybe<Scalars['String']['output']>;
};

/** A key by which the user can log in without a password. */
export type Passkey = {
  __typename?: 'Passkey';
  createdAt: Scalars['DateTime']['output'];
  /** The `credentialId` for `signalUnknownCredential`. */
  credentialId: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  /** Whether the key had a backup when it was last used. */
  isBackedUp: Scalars['Boolean']['output'];
  /** Whether the key may be on several devices of the user. */
  isSynced: Scalars['Boolean']['output'];
  label: Scalars['String']['output'];
  lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** The `rpId` for the functions of the browser whose names begin with `signal`. */
  rpId: Scalars['String']['output'];
  /** How the browser reaches the authenticator: `internal`, `hybrid`, `usb`, `nfc`, `ble`, `smart-card` or `cable`. */
  transports: Array<Scalars['String']['output']>;
  /** The `userId` for `signalAllAcceptedCredentials` and `signalCurrentUserDetails`. */
  userHandle: Scalars['String']['output'];
};

/** A use of a passkey that has begun. */
export type PasskeyOptions = {
  __typename?: 'PasskeyOptions';
  /** Until when the response is accepted. */
  expiresAt: Scalars['DateTime']['output'];
  /** Pass it to `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`, and the result as `publicKey` to the browser. */
  options: Scalars['JSON']['output'];
};

export type PasskeyPayload = {
  __typename?: 'PasskeyPayload';
  /** The credential ids of all passkeys that the user has now, for `signalAllAcceptedCredentials`. */
  acceptedCredentialIds: Array<Scalars['String']['output']>;
  message: Scalars['String']['output'];
  /** The passkey that was added, renamed or removed. */
  passkey: Passkey;
};

export type PasswordPayload = {
  __typename?: 'PasswordPayload';
  message: Scalars['String']['output'];
  sessionsEnded: Scalars['Int']['output'];
};

/** The rules for new passwords. */
export type PasswordPolicy = {
  __typename?: 'PasswordPolicy';
  /** In characters (Unicode code points). */
  maxLength: Scalars['Int']['output'];
  /** In characters (Unicode code points). */
  minLength: Scalars['Int']['output'];
  /** The values that `extensions.problems` of a refused password can contain. */
  problems: Array<Scalars['String']['output']>;
};

/** The rights of a user. */
export type Profile = {
  __typename?: 'Profile';
  role: Role;
};

export type Query = {
  __typename?: 'Query';
  /** The sessions of all users, newest first. */
  allSessions: SessionConnection;
  /** The events that the caller caused, or that are about the caller, newest first. Administrators see the events of all users. */
  auditEvents: AuditEventConnection;
  /** The names of the providers for `beginExternalLogin`. */
  externalProviders: Array<Scalars['String']['output']>;
  /** The accounts at other providers by which the caller can log in, oldest first. */
  linkedAccounts: Array<LinkedAccount>;
  /** The signed-in user. */
  me: User;
  /** The caller's passkeys, oldest first. */
  passkeys: Array<Passkey>;
  /** The rules that a form can check before it sends a new password. */
  passwordPolicy: PasswordPolicy;
  /** The caller's second factors. */
  secondFactor: SecondFactorState;
  /** The caller's own live sessions, newest first. */
  sessions: Array<Session>;
  /** A user. Null if there is no such user. */
  user?: Maybe<User>;
  /** All users. */
  users: UserConnection;
};


export type QueryAllSessionsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  where?: InputMaybe<SessionFilter>;
};


export type QueryAuditEventsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  where?: InputMaybe<AuditEventFilter>;
};


export type QueryUserArgs = {
  id: Scalars['ID']['input'];
};


export type QueryUsersArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<UserOrder>;
  where?: InputMaybe<UserFilter>;
};

export type ReauthenticatePayload = {
  __typename?: 'ReauthenticatePayload';
  authenticatedAt: Scalars['DateTime']['output'];
  message: Scalars['String']['output'];
};

export type RegisterPayload = {
  __typename?: 'RegisterPayload';
  /** Null if the user must open the link of the mail before the first login. */
  auth?: Maybe<AuthPayload>;
  message: Scalars['String']['output'];
};

/** The rights of a user. Each role includes the rights of the roles before it. */
export type Role =
  | 'ADMIN'
  | 'USER';

/** Filters by role. */
export type RoleFilter = {
  /** Exactly one of these roles. */
  in?: InputMaybe<Array<Role>>;
};

export type SecondFactorPayload = {
  __typename?: 'SecondFactorPayload';
  message: Scalars['String']['output'];
  /** New recovery codes, which cannot be read again. Show them to the user. Null if the user has codes already, and for `disableTotp`. */
  recoveryCodes?: Maybe<Array<Scalars['String']['output']>>;
};

export type SecondFactorState = {
  __typename?: 'SecondFactorState';
  /** The caller's factors: `totp`, `passkey`, and `recoveryCode` if some are left. */
  factors: Array<Scalars['String']['output']>;
  /** Whether the caller must have a second factor. */
  isRequired: Scalars['Boolean']['output'];
  recoveryCodesLeft: Scalars['Int']['output'];
};

/** A sign-in or a named token. A login opens a sign-in. A session lasts until it ends or expires. */
export type Session = {
  __typename?: 'Session';
  createdAt: Scalars['DateTime']['output'];
  /** Null if the session does not expire. */
  expiresAt?: Maybe<Scalars['DateTime']['output']>;
  id: Scalars['ID']['output'];
  ipAddress?: Maybe<Scalars['String']['output']>;
  /** Whether this request used the session, or opened it by a login. */
  isCurrent: Scalars['Boolean']['output'];
  /** Whether an administrator acts as the user in this session. */
  isImpersonated: Scalars['Boolean']['output'];
  /** True for a static token with a label, such as a script uses. All other sessions are sign-ins. */
  isNamedToken: Scalars['Boolean']['output'];
  label?: Maybe<Scalars['String']['output']>;
  lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
  /** How the user proved who they are, as values of RFC 8176, such as `pwd`, `otp` or `mfa`. Empty for a static token. */
  methods: Array<Scalars['String']['output']>;
  scheme: AuthScheme;
  userAgent?: Maybe<Scalars['String']['output']>;
};

/** A page of sessions, newest first. */
export type SessionConnection = {
  __typename?: 'SessionConnection';
  edges: Array<SessionEdge>;
  pageInfo: PageInfo;
};

export type SessionEdge = {
  __typename?: 'SessionEdge';
  cursor: Scalars['String']['output'];
  node: Session;
  /** The owner of the session. */
  user: User;
};

/** Filters sessions. Several fields are combined with AND. */
export type SessionFilter = {
  createdAt?: InputMaybe<DateTimeFilter>;
  email?: InputMaybe<EmailFilter>;
  /** True: live sessions. False: ended and expired sessions that are not pruned yet. Null: both. */
  isLive?: InputMaybe<Scalars['Boolean']['input']>;
  scheme?: InputMaybe<AuthScheme>;
  userId?: InputMaybe<IdFilter>;
  username?: InputMaybe<UsernameFilter>;
};

/** Filters by text. */
export type TextFilter = {
  /** Part of the text, in any case. */
  icontains?: InputMaybe<Scalars['String']['input']>;
  /** The whole text, in any case. */
  iexact?: InputMaybe<Scalars['String']['input']>;
};

/** The state of a token. If it is not active, every other field is null (RFC 7662). */
export type TokenVerification = {
  __typename?: 'TokenVerification';
  active: Scalars['Boolean']['output'];
  expiresAt?: Maybe<Scalars['DateTime']['output']>;
  scheme?: Maybe<AuthScheme>;
  /** The header scheme to send the token with: `Token` or `Bearer`. Null for a refresh token, which is never sent in a header. */
  tokenType?: Maybe<Scalars['String']['output']>;
  user?: Maybe<User>;
};

/** An account that can log in. */
export type User = {
  __typename?: 'User';
  createdAt: Scalars['DateTime']['output'];
  email?: Maybe<Scalars['String']['output']>;
  /** When the user proved the e-mail address. Null if the address is not proved, or if there is no address. */
  emailVerifiedAt?: Maybe<Scalars['DateTime']['output']>;
  id: Scalars['ID']['output'];
  /** The administrator who acts as this user in the session of the request. Otherwise null. */
  impersonatedBy?: Maybe<User>;
  isActive: Scalars['Boolean']['output'];
  lastLoginAt?: Maybe<Scalars['DateTime']['output']>;
  /** The language of the mails to the user, such as `de-AT`. Null if it is not known: mails are then in English. */
  locale?: Maybe<Scalars['String']['output']>;
  profile: Profile;
  username: Scalars['String']['output'];
};

/** A page of users. */
export type UserConnection = {
  __typename?: 'UserConnection';
  edges: Array<UserEdge>;
  pageInfo: PageInfo;
};

export type UserEdge = {
  __typename?: 'UserEdge';
  cursor: Scalars['String']['output'];
  node: User;
};

/** Filters users. Several fields are combined with AND. */
export type UserFilter = {
  createdAt?: InputMaybe<DateTimeFilter>;
  email?: InputMaybe<TextFilter>;
  isActive?: InputMaybe<Scalars['Boolean']['input']>;
  role?: InputMaybe<RoleFilter>;
  username?: InputMaybe<TextFilter>;
};

/** The order of a list of users. */
export type UserOrder = {
  direction: OrderDirection;
  field: UserOrderField;
};

/** The value that users are sorted by. */
export type UserOrderField =
  | 'CREATED_AT'
  /** Users who never logged in count as the oldest. */
  | 'LAST_LOGIN_AT'
  | 'USERNAME';

export type UserPayload = {
  __typename?: 'UserPayload';
  user: User;
};

/** Filters by user name. */
export type UsernameFilter = {
  /** Exact match. */
  exact?: InputMaybe<Scalars['String']['input']>;
  /** The whole text, in any case. */
  iexact?: InputMaybe<Scalars['String']['input']>;
};

export type VerifyEmailPayload = {
  __typename?: 'VerifyEmailPayload';
  message: Scalars['String']['output'];
};

export type UserRowFragment = { __typename?: 'User', id: string, username: string, email?: string | null, isActive: boolean, createdAt: string, lastLoginAt?: string | null, profile: { __typename?: 'Profile', role: Role } };

export type SessionRowFragment = { __typename?: 'Session', id: string, scheme: AuthScheme, label?: string | null, isNamedToken: boolean, createdAt: string, lastUsedAt?: string | null, expiresAt?: string | null, ipAddress?: string | null, userAgent?: string | null, isCurrent: boolean };

export type MeQueryVariables = Exact<{ [key: string]: never; }>;


export type MeQuery = { __typename?: 'Query', me: { __typename?: 'User', id: string, username: string, email?: string | null, isActive: boolean, createdAt: string, lastLoginAt?: string | null, profile: { __typename?: 'Profile', role: Role } } };

export type SessionsQueryVariables = Exact<{ [key: string]: never; }>;


export type SessionsQuery = { __typename?: 'Query', sessions: Array<{ __typename?: 'Session', id: string, scheme: AuthScheme, label?: string | null, isNamedToken: boolean, createdAt: string, lastUsedAt?: string | null, expiresAt?: string | null, ipAddress?: string | null, userAgent?: string | null, isCurrent: boolean }> };

export type EventsQueryVariables = Exact<{
  userId: Scalars['ID']['input'];
}>;


export type EventsQuery = { __typename?: 'Query', auditEvents: { __typename?: 'AuditEventConnection', edges: Array<{ __typename?: 'AuditEventEdge', node: { __typename?: 'AuditEvent', id: string, type: string, at: string, isByOther: boolean, ipAddress?: string | null } }> } };

export type RevokeMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type RevokeMutation = { __typename?: 'Mutation', revokeSession: { __typename?: 'LogoutPayload', sessionsEnded: number } };

export type UsersQueryVariables = Exact<{
  where?: InputMaybe<UserFilter>;
  after?: InputMaybe<Scalars['String']['input']>;
}>;


export type UsersQuery = { __typename?: 'Query', users: { __typename?: 'UserConnection', edges: Array<{ __typename?: 'UserEdge', node: { __typename?: 'User', id: string, username: string, email?: string | null, isActive: boolean, createdAt: string, lastLoginAt?: string | null, profile: { __typename?: 'Profile', role: Role } } }>, pageInfo: { __typename?: 'PageInfo', hasNextPage: boolean, endCursor?: string | null } } };

export type UserQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type UserQuery = { __typename?: 'Query', user?: { __typename?: 'User', id: string, username: string, email?: string | null, isActive: boolean, createdAt: string, lastLoginAt?: string | null, profile: { __typename?: 'Profile', role: Role } } | null, allSessions: { __typename?: 'SessionConnection', edges: Array<{ __typename?: 'SessionEdge', node: { __typename?: 'Session', id: string, scheme: AuthScheme, label?: string | null, isNamedToken: boolean, createdAt: string, lastUsedAt?: string | null, expiresAt?: string | null, ipAddress?: string | null, userAgent?: string | null, isCurrent: boolean } }> } };

export type CreateUserMutationVariables = Exact<{
  username: Scalars['String']['input'];
  email?: InputMaybe<Scalars['String']['input']>;
  password?: InputMaybe<Scalars['String']['input']>;
  role?: InputMaybe<Role>;
}>;


export type CreateUserMutation = { __typename?: 'Mutation', createUser: { __typename?: 'UserPayload', user: { __typename?: 'User', id: string } } };

export type SetRoleMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  role: Role;
}>;


export type SetRoleMutation = { __typename?: 'Mutation', setRole: { __typename?: 'UserPayload', user: { __typename?: 'User', id: string, username: string, email?: string | null, isActive: boolean, createdAt: string, lastLoginAt?: string | null, profile: { __typename?: 'Profile', role: Role } } } };

export type SetActiveMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  isActive: Scalars['Boolean']['input'];
}>;


export type SetActiveMutation = { __typename?: 'Mutation', setActive: { __typename?: 'UserPayload', user: { __typename?: 'User', id: string, username: string, email?: string | null, isActive: boolean, createdAt: string, lastLoginAt?: string | null, profile: { __typename?: 'Profile', role: Role } } } };

export type UnlockMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type UnlockMutation = { __typename?: 'Mutation', unlockUser: { __typename?: 'UserPayload', user: { __typename?: 'User', id: string } } };

export type StartResetMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type StartResetMutation = { __typename?: 'Mutation', startPasswordReset: { __typename?: 'MailPayload', message: string } };

export type EndSessionsMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type EndSessionsMutation = { __typename?: 'Mutation', endSessions: { __typename?: 'LogoutPayload', sessionsEnded: number } };

export type DeleteUserMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type DeleteUserMutation = { __typename?: 'Mutation', deleteUser: { __typename?: 'DeletePayload', message: string } };

export const UserRowFragmentDoc = {"kind":"Document","definitions":[{"kind":"FragmentDefinition","name":{"kind":"Name","value":"UserRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"User"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"email"}},{"kind":"Field","name":{"kind":"Name","value":"isActive"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastLoginAt"}},{"kind":"Field","name":{"kind":"Name","value":"profile"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"role"}}]}}]}}]} as unknown as DocumentNode<UserRowFragment, unknown>;
export const SessionRowFragmentDoc = {"kind":"Document","definitions":[{"kind":"FragmentDefinition","name":{"kind":"Name","value":"SessionRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Session"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"scheme"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"isNamedToken"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastUsedAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"ipAddress"}},{"kind":"Field","name":{"kind":"Name","value":"userAgent"}},{"kind":"Field","name":{"kind":"Name","value":"isCurrent"}}]}}]} as unknown as DocumentNode<SessionRowFragment, unknown>;
export const MeDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Me"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"me"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"UserRow"}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"UserRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"User"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"email"}},{"kind":"Field","name":{"kind":"Name","value":"isActive"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastLoginAt"}},{"kind":"Field","name":{"kind":"Name","value":"profile"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"role"}}]}}]}}]} as unknown as DocumentNode<MeQuery, MeQueryVariables>;
export const SessionsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Sessions"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sessions"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"SessionRow"}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"SessionRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Session"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"scheme"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"isNamedToken"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastUsedAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"ipAddress"}},{"kind":"Field","name":{"kind":"Name","value":"userAgent"}},{"kind":"Field","name":{"kind":"Name","value":"isCurrent"}}]}}]} as unknown as DocumentNode<SessionsQuery, SessionsQueryVariables>;
export const EventsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Events"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"userId"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"auditEvents"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"where"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"userId"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"in"},"value":{"kind":"ListValue","values":[{"kind":"Variable","name":{"kind":"Name","value":"userId"}}]}}]}}]}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"10"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"edges"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"node"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"type"}},{"kind":"Field","name":{"kind":"Name","value":"at"}},{"kind":"Field","name":{"kind":"Name","value":"isByOther"}},{"kind":"Field","name":{"kind":"Name","value":"ipAddress"}}]}}]}}]}}]}}]} as unknown as DocumentNode<EventsQuery, EventsQueryVariables>;
export const RevokeDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Revoke"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"revokeSession"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sessionsEnded"}}]}}]}}]} as unknown as DocumentNode<RevokeMutation, RevokeMutationVariables>;
export const UsersDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Users"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"where"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"UserFilter"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"users"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"where"},"value":{"kind":"Variable","name":{"kind":"Name","value":"where"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"20"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"edges"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"node"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"UserRow"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"UserRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"User"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"email"}},{"kind":"Field","name":{"kind":"Name","value":"isActive"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastLoginAt"}},{"kind":"Field","name":{"kind":"Name","value":"profile"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"role"}}]}}]}}]} as unknown as DocumentNode<UsersQuery, UsersQueryVariables>;
export const UserDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"User"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"user"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"UserRow"}}]}},{"kind":"Field","name":{"kind":"Name","value":"allSessions"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"where"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"userId"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"in"},"value":{"kind":"ListValue","values":[{"kind":"Variable","name":{"kind":"Name","value":"id"}}]}}]}}]}},{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"IntValue","value":"50"}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"edges"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"node"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"SessionRow"}}]}}]}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"UserRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"User"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"email"}},{"kind":"Field","name":{"kind":"Name","value":"isActive"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastLoginAt"}},{"kind":"Field","name":{"kind":"Name","value":"profile"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"role"}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"SessionRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"Session"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"scheme"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"isNamedToken"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastUsedAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"ipAddress"}},{"kind":"Field","name":{"kind":"Name","value":"userAgent"}},{"kind":"Field","name":{"kind":"Name","value":"isCurrent"}}]}}]} as unknown as DocumentNode<UserQuery, UserQueryVariables>;
export const CreateUserDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"CreateUser"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"username"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"email"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"password"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"role"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"Role"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"createUser"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"username"},"value":{"kind":"Variable","name":{"kind":"Name","value":"username"}}},{"kind":"Argument","name":{"kind":"Name","value":"email"},"value":{"kind":"Variable","name":{"kind":"Name","value":"email"}}},{"kind":"Argument","name":{"kind":"Name","value":"password"},"value":{"kind":"Variable","name":{"kind":"Name","value":"password"}}},{"kind":"Argument","name":{"kind":"Name","value":"role"},"value":{"kind":"Variable","name":{"kind":"Name","value":"role"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"user"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}}]}}]} as unknown as DocumentNode<CreateUserMutation, CreateUserMutationVariables>;
export const SetRoleDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"SetRole"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"role"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Role"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"setRole"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"role"},"value":{"kind":"Variable","name":{"kind":"Name","value":"role"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"user"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"UserRow"}}]}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"UserRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"User"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"email"}},{"kind":"Field","name":{"kind":"Name","value":"isActive"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastLoginAt"}},{"kind":"Field","name":{"kind":"Name","value":"profile"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"role"}}]}}]}}]} as unknown as DocumentNode<SetRoleMutation, SetRoleMutationVariables>;
export const SetActiveDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"SetActive"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"isActive"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Boolean"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"setActive"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}},{"kind":"Argument","name":{"kind":"Name","value":"isActive"},"value":{"kind":"Variable","name":{"kind":"Name","value":"isActive"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"user"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"UserRow"}}]}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"UserRow"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"User"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"email"}},{"kind":"Field","name":{"kind":"Name","value":"isActive"}},{"kind":"Field","name":{"kind":"Name","value":"createdAt"}},{"kind":"Field","name":{"kind":"Name","value":"lastLoginAt"}},{"kind":"Field","name":{"kind":"Name","value":"profile"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"role"}}]}}]}}]} as unknown as DocumentNode<SetActiveMutation, SetActiveMutationVariables>;
export const UnlockDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Unlock"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"unlockUser"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"user"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}}]}}]}}]} as unknown as DocumentNode<UnlockMutation, UnlockMutationVariables>;
export const StartResetDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"StartReset"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"startPasswordReset"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]} as unknown as DocumentNode<StartResetMutation, StartResetMutationVariables>;
export const EndSessionsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"EndSessions"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"endSessions"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"userId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sessionsEnded"}}]}}]}}]} as unknown as DocumentNode<EndSessionsMutation, EndSessionsMutationVariables>;
export const DeleteUserDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"DeleteUser"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deleteUser"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"message"}}]}}]}}]} as unknown as DocumentNode<DeleteUserMutation, DeleteUserMutationVariables>;