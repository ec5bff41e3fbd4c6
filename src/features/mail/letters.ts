/** The names of Gatehouse's own templates. */
export type MailTemplateName =
  | "verify-email"
  | "address-known"
  | "reset-password"
  | "password-changed"
  | "email-change-confirm"
  | "email-changed-notice"
  | "account-deleted"
  | "account-linked"
  | "login-code"
  | "recovery-code-used"
  | "second-factor-added"
  | "second-factor-removed"
  | "passkey-added"
  | "passkey-removed";

/** The text of a mail, before and after its code and its link. */
interface Letter {
  readonly subject: string;
  readonly before: string;
  /** The text before the link, if the mail also has a code. */
  readonly between?: string;
  readonly after: string;
}

export interface Language {
  readonly greeting: string;
  readonly letters: Readonly<Record<MailTemplateName, Letter>>;
}

export const ENGLISH: Language = {
  greeting: "Hello",
  letters: {
    "verify-email": {
      subject: "Confirm your e-mail address",
      before: "Open this link to confirm your e-mail address:",
      after:
        "The link works once, and only for some time. If you did not create an account, ignore this mail.",
    },
    "address-known": {
      subject: "You already have an account",
      before:
        "Somebody tried to use your e-mail address for another account, but you have one already. If it was you, sign in, or set a new password with this link:",
      after: "If it was not you, ignore this mail. Your account is unchanged.",
    },
    "reset-password": {
      subject: "Set a new password",
      before: "Open this link to set a new password:",
      after:
        "The link works once, and only for some time. If you did not ask for it, ignore this mail. Your password is unchanged.",
    },
    "password-changed": {
      subject: "Your password was changed",
      before: "The password of your account was changed.",
      after: "If it was not you, set a new password at once.",
    },
    "email-change-confirm": {
      subject: "Confirm your new e-mail address",
      before: "Open this link to use this e-mail address for your account:",
      after:
        "The link works once, and only for some time. If you did not ask for it, ignore this mail.",
    },
    "email-changed-notice": {
      subject: "Your e-mail address was changed",
      before: "Your account has a new e-mail address. You get no more mails at this one.",
      after: "If it was not you, ask the people who run the service for help at once.",
    },
    "account-deleted": {
      subject: "Your account was deleted",
      before: "Your account was deleted, with all its sessions and tokens.",
      after: "If it was not you, ask the people who run the service for help at once.",
    },
    "account-linked": {
      subject: "You can sign in with another account",
      before:
        "An account at another service was linked to your account. Anyone who can use it can now sign in as you.",
      after:
        "If it was not you, remove it from your linked accounts, and set a new password at once.",
    },
    "login-code": {
      subject: "Your code to sign in",
      before: "Enter this code to sign in:",
      between: "Or open this link in the browser that asked for the code:",
      after:
        "The code works once, for at most 10 minutes. Do not give it to anybody. If you did not ask for it, ignore this mail.",
    },
    "recovery-code-used": {
      subject: "A recovery code was used",
      before: "A recovery code of your account was used. This code no longer works.",
      after:
        "If it was not you, somebody has your recovery codes: set a new password, and create new recovery codes at once.",
    },
    "second-factor-added": {
      subject: "A second factor was added",
      before:
        "A second factor was added to your account. From now on, you need a second factor to sign in.",
      after: "If it was not you, ask the people who run the service for help at once.",
    },
    "second-factor-removed": {
      subject: "A second factor was removed",
      before: "A second factor was removed from your account.",
      after: "If it was not you, ask the people who run the service for help at once.",
    },
    "passkey-added": {
      subject: "A passkey was added to your account",
      before:
        "A passkey was added to your account. With it, you can sign in without your password.",
      after: "If it was not you, remove the passkey and set a new password at once.",
    },
    "passkey-removed": {
      subject: "A passkey was removed from your account",
      before: "A passkey was removed from your account. You can no longer sign in with it.",
      after: "If it was not you, set a new password at once.",
    },
  },
};

const GERMAN: Language = {
  greeting: "Hallo",
  letters: {
    "verify-email": {
      subject: "Bestätigen Sie Ihre E-Mail-Adresse",
      before: "Öffnen Sie diesen Link, um Ihre E-Mail-Adresse zu bestätigen:",
      after:
        "Der Link gilt einmal und nur für einige Zeit. Wenn Sie kein Konto angelegt haben, ignorieren Sie diese Mail.",
    },
    "address-known": {
      subject: "Sie haben schon ein Konto",
      before:
        "Jemand wollte Ihre E-Mail-Adresse für ein weiteres Konto verwenden, aber Sie haben schon eines. Wenn Sie das waren, melden Sie sich an, oder setzen Sie mit diesem Link ein neues Passwort:",
      after: "Wenn Sie das nicht waren, ignorieren Sie diese Mail. Ihr Konto ist unverändert.",
    },
    "reset-password": {
      subject: "Setzen Sie ein neues Passwort",
      before: "Öffnen Sie diesen Link, um ein neues Passwort zu setzen:",
      after:
        "Der Link gilt einmal und nur für einige Zeit. Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Mail. Ihr Passwort ist unverändert.",
    },
    "password-changed": {
      subject: "Ihr Passwort wurde geändert",
      before: "Das Passwort Ihres Kontos wurde geändert.",
      after: "Wenn Sie das nicht waren, setzen Sie sofort ein neues Passwort.",
    },
    "email-change-confirm": {
      subject: "Bestätigen Sie Ihre neue E-Mail-Adresse",
      before: "Öffnen Sie diesen Link, um diese E-Mail-Adresse für Ihr Konto zu verwenden:",
      after:
        "Der Link gilt einmal und nur für einige Zeit. Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Mail.",
    },
    "email-changed-notice": {
      subject: "Ihre E-Mail-Adresse wurde geändert",
      before:
        "Ihr Konto hat eine neue E-Mail-Adresse. An diese Adresse bekommen Sie keine Mails mehr.",
      after: "Wenn Sie das nicht waren, bitten Sie sofort die Betreiber des Dienstes um Hilfe.",
    },
    "account-deleted": {
      subject: "Ihr Konto wurde gelöscht",
      before: "Ihr Konto wurde gelöscht, mit allen Sitzungen und Tokens.",
      after: "Wenn Sie das nicht waren, bitten Sie sofort die Betreiber des Dienstes um Hilfe.",
    },
    "account-linked": {
      subject: "Sie können sich mit einem weiteren Konto anmelden",
      before:
        "Ein Konto bei einem anderen Dienst wurde mit Ihrem Konto verknüpft. Wer es benutzen kann, kann sich jetzt als Sie anmelden.",
      after:
        "Wenn Sie das nicht waren, entfernen Sie es aus Ihren verknüpften Konten, und setzen Sie sofort ein neues Passwort.",
    },
    "login-code": {
      subject: "Ihr Code für die Anmeldung",
      before: "Geben Sie diesen Code ein, um sich anzumelden:",
      between: "Oder öffnen Sie diesen Link in dem Browser, in dem Sie den Code angefordert haben:",
      after:
        "Der Code gilt einmal, höchstens 10 Minuten lang. Geben Sie ihn niemandem. Wenn Sie ihn nicht angefordert haben, ignorieren Sie diese Mail.",
    },
    "recovery-code-used": {
      subject: "Ein Wiederherstellungscode wurde verwendet",
      before: "Ein Wiederherstellungscode Ihres Kontos wurde verwendet. Er gilt nicht mehr.",
      after:
        "Wenn Sie das nicht waren, kennt jemand Ihre Wiederherstellungscodes: Setzen Sie sofort ein neues Passwort, und erstellen Sie neue Wiederherstellungscodes.",
    },
    "second-factor-added": {
      subject: "Ein zweiter Faktor wurde hinzugefügt",
      before:
        "Ihr Konto hat einen weiteren Faktor für die Anmeldung. Ab jetzt brauchen Sie einen zweiten Faktor, um sich anzumelden.",
      after: "Wenn Sie das nicht waren, bitten Sie sofort die Betreiber des Dienstes um Hilfe.",
    },
    "second-factor-removed": {
      subject: "Ein zweiter Faktor wurde entfernt",
      before: "Ein zweiter Faktor wurde von Ihrem Konto entfernt.",
      after: "Wenn Sie das nicht waren, bitten Sie sofort die Betreiber des Dienstes um Hilfe.",
    },
    "passkey-added": {
      subject: "Ihr Konto hat einen neuen Passkey",
      before: "Ihr Konto hat einen neuen Passkey. Damit können Sie sich ohne Passwort anmelden.",
      after:
        "Wenn Sie das nicht waren, entfernen Sie den Passkey, und setzen Sie sofort ein neues Passwort.",
    },
    "passkey-removed": {
      subject: "Ein Passkey Ihres Kontos wurde entfernt",
      before: "Ein Passkey Ihres Kontos wurde entfernt. Damit können Sie sich nicht mehr anmelden.",
      after: "Wenn Sie das nicht waren, setzen Sie sofort ein neues Passwort.",
    },
  },
};

export const LANGUAGES = new Map([
  ["en", ENGLISH],
  ["de", GERMAN],
]);
