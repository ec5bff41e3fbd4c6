export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
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

/** Filters events. Several fields are combined with AND. */
export type AuditEventFilter = {
  /** The user who caused the event. */
  readonly actorId: InputMaybe<IdFilter>;
  readonly at: InputMaybe<DateTimeFilter>;
  /** The session that the event is about, or that its actor used. */
  readonly sessionId: InputMaybe<IdFilter>;
  readonly type: InputMaybe<AuditEventTypeFilter>;
  /** The user that the event is about. */
  readonly userId: InputMaybe<IdFilter>;
};

/** Filters by the type of an event. */
export type AuditEventTypeFilter = {
  /** One of these types, such as `login_failed`; at most 100. */
  readonly in: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
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

/** Filters by an instant. */
export type DateTimeFilter = {
  readonly gt: InputMaybe<Scalars['DateTime']['input']>;
  readonly gte: InputMaybe<Scalars['DateTime']['input']>;
  readonly lt: InputMaybe<Scalars['DateTime']['input']>;
  readonly lte: InputMaybe<Scalars['DateTime']['input']>;
};

/** Filters by e-mail address. */
export type EmailFilter = {
  /** Part of the address, in any case. */
  readonly icontains: InputMaybe<Scalars['String']['input']>;
};

/** Filters by id. */
export type IdFilter = {
  /** One of these ids, at most 100. */
  readonly in: InputMaybe<ReadonlyArray<Scalars['ID']['input']>>;
};

/** The direction of an order. */
export type OrderDirection =
  | 'ASC'
  | 'DESC';

/** The rights of a user. Each role includes the rights of the roles before it. */
export type Role =
  | 'ADMIN'
  | 'USER';

/** Filters by role. */
export type RoleFilter = {
  /** Exactly one of these roles. */
  readonly in: InputMaybe<ReadonlyArray<Role>>;
};

/** Filters sessions. Several fields are combined with AND. */
export type SessionFilter = {
  readonly createdAt: InputMaybe<DateTimeFilter>;
  readonly email: InputMaybe<EmailFilter>;
  /** True: live sessions. False: ended and expired sessions that are not pruned yet. Null: both. */
  readonly isLive: InputMaybe<Scalars['Boolean']['input']>;
  readonly scheme: InputMaybe<AuthScheme>;
  readonly userId: InputMaybe<IdFilter>;
  readonly username: InputMaybe<UsernameFilter>;
};

/** Filters by text. */
export type TextFilter = {
  /** Part of the text, in any case. */
  readonly icontains: InputMaybe<Scalars['String']['input']>;
  /** The whole text, in any case. */
  readonly iexact: InputMaybe<Scalars['String']['input']>;
};

/** Filters users. Several fields are combined with AND. */
export type UserFilter = {
  readonly createdAt: InputMaybe<DateTimeFilter>;
  readonly email: InputMaybe<TextFilter>;
  readonly isActive: InputMaybe<Scalars['Boolean']['input']>;
  readonly role: InputMaybe<RoleFilter>;
  readonly username: InputMaybe<TextFilter>;
};

/** The order of a list of users. */
export type UserOrder = {
  readonly direction: OrderDirection;
  readonly field: UserOrderField;
};

/** The value that users are sorted by. */
export type UserOrderField =
  | 'CREATED_AT'
  /** Users who never logged in count as the oldest. */
  | 'LAST_LOGIN_AT'
  | 'USERNAME';

/** Filters by user name. */
export type UsernameFilter = {
  /** Exact match. */
  readonly exact: InputMaybe<Scalars['String']['input']>;
  /** The whole text, in any case. */
  readonly iexact: InputMaybe<Scalars['String']['input']>;
};

export type PasswordPolicyQueryVariables = Exact<{ [key: string]: never; }>;


export type PasswordPolicyQuery = { readonly passwordPolicy: { readonly minLength: number, readonly maxLength: number, readonly problems: ReadonlyArray<string> } };

export type RegisterMutationVariables = Exact<{
  username: Scalars['String']['input'];
  email: Scalars['String']['input'];
  password: Scalars['String']['input'];
  scheme: AuthScheme;
}>;


export type RegisterMutation = { readonly register: { readonly message: string, readonly auth: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } | null } };

export type VerifyEmailMutationVariables = Exact<{
  token: Scalars['String']['input'];
}>;


export type VerifyEmailMutation = { readonly verifyEmail: { readonly message: string } };

export type ResendVerificationMutationVariables = Exact<{
  email: Scalars['String']['input'];
}>;


export type ResendVerificationMutation = { readonly resendVerification: { readonly message: string } };

export type RequestPasswordResetMutationVariables = Exact<{
  email: Scalars['String']['input'];
}>;


export type RequestPasswordResetMutation = { readonly requestPasswordReset: { readonly message: string } };

export type ResetPasswordMutationVariables = Exact<{
  token: Scalars['String']['input'];
  newPassword: Scalars['String']['input'];
}>;


export type ResetPasswordMutation = { readonly resetPassword: { readonly message: string, readonly sessionsEnded: number } };

export type ChangePasswordMutationVariables = Exact<{
  currentPassword: Scalars['String']['input'];
  newPassword: Scalars['String']['input'];
}>;


export type ChangePasswordMutation = { readonly changePassword: { readonly message: string, readonly sessionsEnded: number } };

export type ReauthenticateMutationVariables = Exact<{
  password: Scalars['String']['input'];
}>;


export type ReauthenticateMutation = { readonly reauthenticate: { readonly message: string, readonly authenticatedAt: string } };

export type ChangeEmailMutationVariables = Exact<{
  newEmail: Scalars['String']['input'];
}>;


export type ChangeEmailMutation = { readonly changeEmail: { readonly message: string } };

export type ConfirmEmailChangeMutationVariables = Exact<{
  token: Scalars['String']['input'];
}>;


export type ConfirmEmailChangeMutation = { readonly confirmEmailChange: { readonly message: string } };

export type DeleteAccountMutationVariables = Exact<{ [key: string]: never; }>;


export type DeleteAccountMutation = { readonly deleteAccount: { readonly message: string } };

export type CreateTokenMutationVariables = Exact<{
  label: Scalars['String']['input'];
  expiresInDays: InputMaybe<Scalars['Int']['input']>;
}>;


export type CreateTokenMutation = { readonly createToken: { readonly token: string, readonly tokenType: string, readonly expiresAt: string | null, readonly session: { readonly id: string, readonly label: string | null } } };

export type ImpersonateMutationVariables = Exact<{
  userId: Scalars['ID']['input'];
  reason: Scalars['String']['input'];
}>;


export type ImpersonateMutation = { readonly impersonate: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type RequestLoginCodeMutationVariables = Exact<{
  email: Scalars['String']['input'];
  proof: InputMaybe<Scalars['String']['input']>;
}>;


export type RequestLoginCodeMutation = { readonly requestLoginCode: { readonly message: string, readonly proof: string, readonly expiresAt: string } };

export type LoginWithCodeMutationVariables = Exact<{
  email: Scalars['String']['input'];
  code: Scalars['String']['input'];
  proof: InputMaybe<Scalars['String']['input']>;
  scheme: AuthScheme;
}>;


export type LoginWithCodeMutation = { readonly loginWithCode: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type ExternalProvidersQueryVariables = Exact<{ [key: string]: never; }>;


export type ExternalProvidersQuery = { readonly externalProviders: ReadonlyArray<string> };

export type BeginExternalLoginMutationVariables = Exact<{
  provider: Scalars['String']['input'];
  redirectTo: Scalars['String']['input'];
}>;


export type BeginExternalLoginMutation = { readonly beginExternalLogin: { readonly url: string, readonly proof: string } };

export type CompleteExternalLoginMutationVariables = Exact<{
  code: Scalars['String']['input'];
  state: Scalars['String']['input'];
  proof: Scalars['String']['input'];
  iss: InputMaybe<Scalars['String']['input']>;
  scheme: AuthScheme;
}>;


export type CompleteExternalLoginMutation = { readonly completeExternalLogin: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type LinkedAccountsQueryVariables = Exact<{ [key: string]: never; }>;


export type LinkedAccountsQuery = { readonly linkedAccounts: ReadonlyArray<{ readonly id: string, readonly provider: string, readonly name: string | null, readonly linkedAt: string, readonly lastUsedAt: string | null }> };

export type UnlinkAccountMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type UnlinkAccountMutation = { readonly unlinkAccount: { readonly message: string } };

export type GrantFragment = { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } };

export type LoginMutationVariables = Exact<{
  username: Scalars['String']['input'];
  password: Scalars['String']['input'];
  scheme: AuthScheme;
}>;


export type LoginMutation = { readonly login: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type EmailLoginMutationVariables = Exact<{
  email: Scalars['String']['input'];
  password: Scalars['String']['input'];
  scheme: AuthScheme;
}>;


export type EmailLoginMutation = { readonly emailLogin: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type RefreshMutationVariables = Exact<{
  refresh: Scalars['String']['input'];
}>;


export type RefreshMutation = { readonly refreshToken: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type LogoutMutationVariables = Exact<{
  refresh: InputMaybe<Scalars['String']['input']>;
}>;


export type LogoutMutation = { readonly logout: { readonly message: string } };

export type LogoutAllMutationVariables = Exact<{ [key: string]: never; }>;


export type LogoutAllMutation = { readonly logoutAll: { readonly message: string } };

export type BeginPasskeyLoginMutationVariables = Exact<{
  challenge: InputMaybe<Scalars['String']['input']>;
}>;


export type BeginPasskeyLoginMutation = { readonly beginPasskeyLogin: { readonly options: unknown } };

export type PasskeyLoginMutationVariables = Exact<{
  response: Scalars['JSON']['input'];
  scheme: AuthScheme;
}>;


export type PasskeyLoginMutation = { readonly passkeyLogin: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type BeginPasskeyRegistrationMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginPasskeyRegistrationMutation = { readonly beginPasskeyRegistration: { readonly options: unknown } };

export type AddPasskeyMutationVariables = Exact<{
  label: Scalars['String']['input'];
  response: Scalars['JSON']['input'];
}>;


export type AddPasskeyMutation = { readonly addPasskey: { readonly message: string, readonly recoveryCodes: ReadonlyArray<string> | null, readonly passkey: { readonly id: string, readonly label: string } } };

export type PasskeysQueryVariables = Exact<{ [key: string]: never; }>;


export type PasskeysQuery = { readonly passkeys: ReadonlyArray<{ readonly id: string, readonly label: string, readonly createdAt: string, readonly lastUsedAt: string | null, readonly isSynced: boolean }> };

export type RenamePasskeyMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  label: Scalars['String']['input'];
}>;


export type RenamePasskeyMutation = { readonly renamePasskey: { readonly message: string } };

export type RemovePasskeyMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type RemovePasskeyMutation = { readonly removePasskey: { readonly message: string, readonly acceptedCredentialIds: ReadonlyArray<string>, readonly passkey: { readonly rpId: string, readonly userHandle: string } } };

export type CompleteLoginMutationVariables = Exact<{
  challenge: Scalars['String']['input'];
  totp: InputMaybe<Scalars['String']['input']>;
  recoveryCode: InputMaybe<Scalars['String']['input']>;
  passkey: InputMaybe<Scalars['JSON']['input']>;
  scheme: AuthScheme;
}>;


export type CompleteLoginMutation = { readonly completeLogin: { readonly tokenType: string, readonly token: string | null, readonly access: string | null, readonly refresh: string | null, readonly session: { readonly id: string }, readonly user: { readonly id: string, readonly username: string, readonly email: string | null, readonly profile: { readonly role: Role } } } };

export type ReauthenticateByFactorMutationVariables = Exact<{
  totp: InputMaybe<Scalars['String']['input']>;
  recoveryCode: InputMaybe<Scalars['String']['input']>;
  passkey: InputMaybe<Scalars['JSON']['input']>;
}>;


export type ReauthenticateByFactorMutation = { readonly reauthenticate: { readonly message: string, readonly authenticatedAt: string } };

export type SecondFactorQueryVariables = Exact<{ [key: string]: never; }>;


export type SecondFactorQuery = { readonly secondFactor: { readonly factors: ReadonlyArray<string>, readonly recoveryCodesLeft: number, readonly isRequired: boolean } };

export type BeginTotpMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginTotpMutation = { readonly beginTotp: { readonly secret: string, readonly uri: string, readonly qr: string, readonly expiresAt: string } };

export type ConfirmTotpMutationVariables = Exact<{
  code: Scalars['String']['input'];
}>;


export type ConfirmTotpMutation = { readonly confirmTotp: { readonly message: string, readonly recoveryCodes: ReadonlyArray<string> | null } };

export type DisableTotpMutationVariables = Exact<{ [key: string]: never; }>;


export type DisableTotpMutation = { readonly disableTotp: { readonly message: string } };

export type RegenerateRecoveryCodesMutationVariables = Exact<{ [key: string]: never; }>;


export type RegenerateRecoveryCodesMutation = { readonly regenerateRecoveryCodes: { readonly message: string, readonly recoveryCodes: ReadonlyArray<string> | null } };
