import { ENGLISH, LANGUAGES, type MailTemplateName } from "./letters.js";

/** The subject and text of a mail. */
export interface RenderedMail {
  readonly subject: string;
  /** The mail in plain text. */
  readonly text: string;
  /** The mail in HTML. The template must escape all values. @default none: the mail has only plain text */
  readonly html?: string;
}

/**
 * The values of a mail, such as `username`. A mail with a token also has `link`. A mail with a login code has `code`,
 * and has `link` only if the page of the link is known.
 */
export type MailValues = Readonly<Record<string, string>>;

/**
 * Renders a mail.
 * @param locale the language of the recipient, such as `de` or `pt-BR`; null if it is not known
 */
export type MailTemplate = (
  values: MailValues,
  locale: string | null,
) => RenderedMail | Promise<RenderedMail>;

/** An application's templates, by name. A template replaces Gatehouse's template of the same name. */
export type MailTemplates = Readonly<Partial<Record<MailTemplateName, MailTemplate>>> &
  Readonly<Record<string, MailTemplate>>;

/**
 * Returns Gatehouse's templates and the application's own. An application's template replaces Gatehouse's template of
 * the same name.
 */
export function templatesWith(own: MailTemplates = {}): ReadonlyMap<string, MailTemplate> {
  const names = Object.keys(ENGLISH.letters) as MailTemplateName[];
  const ours = names.map((name): [string, MailTemplate] => [
    name,
    (values, locale) => render(name, values, locale),
  ]);
  return new Map([...ours, ...Object.entries(own)]);
}

export function isTemplates(value: unknown): value is MailTemplates {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).every(
      ([name, template]) => /^[\w-]{1,50}$/.test(name) && typeof template === "function",
    )
  );
}

/** Renders one of Gatehouse's templates, in English if there is no translation. */
function render(
  name: MailTemplateName,
  { username, link, code }: MailValues,
  locale: string | null,
): RenderedMail {
  const wanted = locale?.toLowerCase().split(/[-_]/)[0] ?? "en";
  const [lang, language] = [...LANGUAGES].find(([known]) => known === wanted) ?? ["en", ENGLISH];
  const { subject, before, between, after } = language.letters[name];
  const greeting = username === undefined ? language.greeting : `${language.greeting} ${username}`;
  const secrets = [code, code && link && between, link].filter((text) => text !== undefined);
  const paragraphs = [`${greeting},`, before, ...secrets, after];
  const html = paragraphs.map((paragraph) => {
    const text = escapeHtml(paragraph);
    return `<p>${paragraph === link ? `<a href="${text}">${text}</a>` : text}</p>`;
  });
  return {
    subject,
    text: `${paragraphs.join("\n\n")}\n`,
    html: `<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(subject)}</title>
</head>
<body style="font-family: sans-serif; line-height: 1.5">
${html.join("\n")}
</body>
</html>
`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
